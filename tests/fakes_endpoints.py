"""SageMaker's asynchronous endpoints in memory: the same ends of calls as on the model host, with time moved by hand.

They are told how to behave in the host's own words, so that a script that is tried here runs there.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from batchwright.endpointcall import MOST_INLINE_BYTES, EndpointCall, Placed
from batchwright.errors import BatchwrightError, ModelUnknown, RecordInvalid
from tests.canary import silent
from tests.emulator.host.endpoints.behaviour import EndpointDoing, EndpointsBehaviour
from tests.emulator.host.endpoints.faults import EndpointFaults
from tests.fakes import MemoryObjects

OUTPUT, FAILURE = "endpoints/output/", "endpoints/failure/"
type Answer = Callable[[dict[str, Any]], dict[str, Any]]
"""What the container makes of a body."""


def text_of(body: dict[str, Any]) -> str:
    """Return what faults match on: the last text, whichever container is asked."""
    if "messages" in body:
        content = body["messages"][-1]["content"]
        return str(content if isinstance(content, str) else content[-1]["text"])
    return str(body.get("inputs") or body.get("q") or "")


def echoed(body: dict[str, Any]) -> dict[str, Any]:
    """Answer as vLLM does, with the last text."""
    message = {"role": "assistant", "content": text_of(body)}
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 1},
    }


@dataclass
class Waiting:
    """One call in the queue."""

    call: EndpointCall
    placed: Placed
    since: float


@dataclass
class ScriptedEndpoints:
    """Queues whose calls end when somebody says :meth:`work`, or at once where ``at_once`` is set."""

    objects: MemoryObjects
    names: set[str] = field(default_factory=lambda: {"own"})
    answer: Answer = echoed
    at_once: bool = False
    refusal: BatchwrightError | None = None
    """What the next call is refused with."""
    now: float = 0.0
    calls: list[EndpointCall] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    """What was published, on both topics."""
    paid: list[str] = field(default_factory=list)
    """The inference ids of what a container answered."""
    _faults: EndpointFaults = field(default_factory=lambda: EndpointFaults([], seed=0))

    def behave(self, **given: Any) -> None:
        """Tell it how to behave; only the faults mean something here."""
        told = EndpointsBehaviour.model_validate({"faults": given.get("faults", [])})
        self._faults = EndpointFaults(told.faults, seed=0)

    def send(self, call: EndpointCall) -> Placed:
        silent("a call's labels", (call.inference_id, call.folder, call.filename, call.input_key))
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal
        if call.endpoint not in self.names:
            raise ModelUnknown(f"call of endpoint {call.endpoint}: there is none")
        if call.body is not None and len(call.body) > MOST_INLINE_BYTES:
            raise RecordInvalid("invalid_request", "it is too large to be sent along")
        stem = call.filename.removesuffix(".out")
        placed = Placed(
            output_key=f"{OUTPUT}{call.folder}/{call.filename}",
            failure_key=f"{FAILURE}{call.folder}/{stem}-error.out",
        )
        self.calls.append(call)
        self.waiting.append(Waiting(call, placed, self.now))
        if self.at_once:
            self.work()
        return placed

    def pass_time(self, seconds: float) -> None:
        """Let time go by; calls whose time is over expire."""
        self.now += seconds
        for each in [*self.waiting]:
            if self.now - each.since >= each.call.ttl:
                self.waiting.remove(each)
                self._notify(each, "the request expired", None)

    def work(self, most: int | None = None) -> None:
        """Answer what waits, the first first."""
        for each in self.waiting[:most]:
            self._end(each)
        del self.waiting[:most]

    def _end(self, each: Waiting) -> None:
        call = each.call
        content = call.body if call.body is not None else self.objects.read(str(call.input_key))
        bodies = [json.loads(line) for line in content.split(b"\n") if line.strip()]
        text = "\n".join(map(text_of, bodies))
        doing = self._faults.of_end(text)
        fault = self._faults.of_call(text)
        if fault is not None and fault.do == "expire":
            self._notify(each, "the request expired", doing)
            return
        if fault is not None:
            reason = (
                "the invocation timed out"
                if fault.do == "slow"
                else f'Received server error ({fault.code}) from primary with message "{text}".'
            )
            self.objects.write(each.placed.failure_key, reason.encode())
            self._notify(each, reason, doing)
            return
        self.paid += [call.inference_id] * len(bodies)
        told = b"\n".join(json.dumps(self.answer(body)).encode() for body in bodies)
        if doing != "lose_output":
            self.objects.write(each.placed.output_key, told)
        self._notify(each, None, doing)

    def _notify(self, each: Waiting, reason: str | None, doing: EndpointDoing | None) -> None:
        if doing == "lose_notification":
            return
        call, placed = each.call, each.placed
        place = placed.output_key if reason is None else placed.failure_key
        told: dict[str, Any] = {
            "invocationStatus": "Completed" if reason is None else "Failed",
            "requestParameters": {"endpointName": call.endpoint},
            "responseParameters": {"outputLocation": f"s3://{self.objects.bucket}/{place}"},
            "inferenceId": call.inference_id,
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        if reason is not None:
            told["failureReason"] = reason
        self.notices += [told] * (2 if doing == "double_notification" else 1)
