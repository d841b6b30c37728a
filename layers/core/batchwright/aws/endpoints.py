"""SageMaker's asynchronous endpoints
(docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html).
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
)

from batchwright.endpointcall import EndpointCall, Placed
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ModelUnknown,
    RecordInvalid,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.places import ENDPOINT_FAILURE, ENDPOINT_OUTPUT

# One attempt: a call that is repeated is queued, worked on and paid for again.
ONCE = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=64,
)
THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException"}
TOO_MANY, FAULT = 429, 500
DENIED = (401, 403)
# SageMaker has one error for all that is wrong with a call; these words tell what else it may be.
ABOUT_THE_ENDPOINT = ("not found", "not an async", "does not exist", "asynchronous inference")


class SageMakerEndpoints:
    """Puts calls into queues of endpoints, whose answers must come into one bucket."""

    def __init__(self, make: Callable[[], Any], bucket: str) -> None:
        """``make`` returns a client of ``sagemaker-runtime`` that asks once; it is made when it is first needed."""
        self._make = make
        self._client: Any = None
        self._making = Lock()
        self._bucket = bucket

    def send(self, call: EndpointCall) -> Placed:
        """Queue one call."""
        what = f"call of endpoint {call.endpoint}"
        try:
            answer = self._made().invoke_endpoint_async(**self._arguments(call))
        except ClientError as fault:
            raise _refusal(fault, what) from None
        except (ConnectTimeoutError, EndpointConnectionError):
            raise Unavailable(f"{what}: SageMaker could not be reached") from None
        except ParamValidationError:
            raise RecordInvalid(
                "invalid_request", f"{what}: it has no form that SageMaker takes"
            ) from None
        except BotoCoreError as fault:
            raise TimedOut(f"{what}: {type(fault).__name__}, and it may wait there now") from None
        if "OutputLocation" not in answer:  # every answer has it, and none may be believed without
            raise TimedOut(f"{what}: its reply was cut, and it may wait there now")
        return Placed(
            output_key=self._key(answer.get("OutputLocation"), ENDPOINT_OUTPUT, call),
            failure_key=self._key(answer.get("FailureLocation"), ENDPOINT_FAILURE, call),
        )

    def _made(self) -> Any:
        with self._making:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _arguments(self, call: EndpointCall) -> dict[str, Any]:
        source: dict[str, Any] = (
            {"Body": call.body}
            if call.body is not None
            else {"InputLocation": f"s3://{self._bucket}/{call.input_key}"}
        )
        return {
            "EndpointName": call.endpoint,
            "InferenceId": call.inference_id,
            "ContentType": call.content_type,
            "RequestTTLSeconds": call.ttl,
            "InvocationTimeoutSeconds": call.timeout,
            "S3OutputPathExtension": call.folder,
            "Filename": call.filename,
            **source,
        }

    def _key(self, address: str | None, folder: str, call: EndpointCall) -> str:
        stack = f"s3://{self._bucket}/"
        if address is None or not address.startswith(stack + folder):
            raise AccessDenied(
                f"endpoint {call.endpoint} writes answers or failures where this stack does not read: give its"
                f" AsyncInferenceConfig the S3OutputPath {(stack + ENDPOINT_OUTPUT).rstrip('/')}"
                f" and the S3FailurePath {(stack + ENDPOINT_FAILURE).rstrip('/')}"
            )
        return address.removeprefix(stack)


def _refusal(fault: ClientError, what: str) -> BatchwrightError:
    """Return our error for what SageMaker says, without its words."""
    error: Any = fault.response.get("Error", {})
    status: int = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code, words = error.get("Code", "Unknown"), error.get("Message", "").lower()
    said = f"{what}: AWS says {code}"
    if code in THROTTLED or status == TOO_MANY:
        return Throttled(said)
    if status in DENIED or "denied" in code.lower():
        return AccessDenied(f"{said}: may this role call the endpoint?")
    if status >= FAULT:
        return Unavailable(said)
    if any(sign in words for sign in ABOUT_THE_ENDPOINT):
        return ModelUnknown(f"{said}: there is no asynchronous endpoint of that name here")
    return RecordInvalid("invalid_request", f"{said}: SageMaker does not take the call")
