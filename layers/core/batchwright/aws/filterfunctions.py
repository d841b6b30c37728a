"""Functions of users that are filters."""

from collections.abc import Callable
from typing import Any

from batchwright.aws.threads import Service
from batchwright.errors import ServiceFault

# Our own clock ends a call; the connection may last a little longer, so that it is the same end for all.
GRACE = 1.0


class LambdaFunctions:
    """Invokes them, and waits for what they answer."""

    def __init__(self, make: Callable[[float], Any]) -> None:
        """``make`` returns a client of ``lambda`` that waits so many seconds."""
        self._make = make
        self._services: dict[float, Service] = {}

    async def invoke(self, arn: str, payload: bytes, *, timeout: float) -> bytes:
        """Invoke one; what it raised is not told, it may quote the texts."""
        what = f"invoke the filter {arn}"
        told = await self._service(timeout).ask(
            what, lambda client: _read(client, arn, payload), member="Payload"
        )
        if "FunctionError" in told:
            raise ServiceFault(f"{what}: it answered with an error")
        answer: bytes = told["Payload"]
        return answer

    def close(self) -> None:
        """Let go of its threads."""
        for service in self._services.values():
            service.close()

    def _service(self, timeout: float) -> Service:
        if timeout not in self._services:
            self._services[timeout] = Service(lambda: self._make(timeout + GRACE))
        return self._services[timeout]


def _read(client: Any, arn: str, payload: bytes) -> dict[str, Any]:
    reply = client.invoke(FunctionName=arn, InvocationType="RequestResponse", Payload=payload)
    return {**reply, "Payload": reply["Payload"].read()}
