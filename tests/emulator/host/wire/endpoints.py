"""InvokeEndpointAsync on the wire, and what SageMaker notifies
(docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html,
docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html).
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.emulator.host.http1 import Request
from tests.emulator.host.refusals import Refusal
from tests.emulator.host.wire.shapes import malformed

LARGEST_BODY = 128_000
_PREFIX = "x-amzn-sagemaker-"


class AsyncCall(BaseModel):
    """A call as its headers tell it; the limits are those of the service model."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    content_type: Annotated[str, Field(alias="content-type", max_length=1024)] = "application/json"
    accept: str = "application/json"
    custom_attributes: Annotated[str | None, Field(alias="custom-attributes")] = None
    inference_id: Annotated[
        str | None, Field(alias="inference-id", min_length=1, max_length=64, pattern=r"^\S[ -~]*$")
    ] = None
    input_location: Annotated[
        str | None,
        Field(alias="inputlocation", max_length=1024, pattern=r"^(https|s3)://[^/]+/?.*$"),
    ] = None
    folder: Annotated[
        str | None,
        Field(alias="s3outputpathextension", max_length=512, pattern=r"^[a-zA-Z0-9!_.*'()/-]+$"),
    ] = None
    filename: Annotated[
        str | None, Field(max_length=32, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]*)?$")
    ] = None
    ttl: Annotated[int, Field(alias="requestttlseconds", ge=60, le=21_600)] = 21_600
    timeout: Annotated[int, Field(alias="invocationtimeoutseconds", ge=1, le=3600)] = 900
    body: bytes = b""


def refused(message: str) -> Refusal:
    """Return the refusal of a call that can never succeed as it is."""
    return Refusal(400, "ValidationError", message)


def read_call(request: Request) -> AsyncCall:
    """Read a call, or refuse it."""
    told = {
        name.removeprefix(_PREFIX): value
        for name, value in request.headers.items()
        if name.startswith(_PREFIX)
    }
    try:
        call = AsyncCall.model_validate({**told, "body": request.body})
    except ValidationError as error:
        raise refused(malformed(error).message) from None
    if (call.input_location is None) is not bool(call.body):
        raise refused("Provide exactly one of Body and InputLocation.")
    if len(call.body) > LARGEST_BODY:
        raise refused(
            f"Value at 'body' failed to satisfy constraint: Member must have length less than or"
            f" equal to {LARGEST_BODY}"
        )
    return call


def timestamp(at: float) -> str:
    """Return a time as notifications tell it."""
    told = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call that came to its end: with an answer, or for a ``reason`` without one."""

    endpoint: str
    region: str
    call: AsyncCall
    inference_id: str
    received_at: float
    location: str | None
    """Where its answer lies, or what tells of its failure."""
    reason: str | None

    def notification(self) -> dict[str, Any]:
        """Return the message on the success topic, or with a reason that on the error topic."""
        told: dict[str, Any] = {
            "awsRegion": self.region,
            "eventTime": timestamp(time.time()),
            "receivedTime": timestamp(self.received_at),
            "invocationStatus": "Completed" if self.reason is None else "Failed",
            "requestParameters": {
                "contentType": self.call.content_type,
                "endpointName": self.endpoint,
                "inputLocation": self.call.input_location,
            },
            "responseParameters": {
                "contentType": self.call.accept,
                "outputLocation": self.location,
            },
            "inferenceId": self.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        return told if self.reason is None else {**told, "failureReason": self.reason}
