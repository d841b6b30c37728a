"""The services that filters ask, in memory: they find what the model host finds, by the same script."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    FilterBroken,
    RecordInvalid,
    Throttled,
)
from batchwright.filters.services import Json
from batchwright.finding import Stage
from tests.emulator.host.looks import EMAIL, Look
from tests.emulator.host.refusals import Refusal
from tests.emulator.host.wire.comprehend import DetectPiiEntities, DetectToxicContent
from tests.emulator.host.wire.guardrails import ApplyGuardrail, InvokeGuardrailChecks


@dataclass
class Scripted:
    """What all of them do: note what they are asked, and fail as often as a test says."""

    looks: list[Look] = field(default_factory=lambda: [EMAIL])
    faults: list[BaseException] = field(default_factory=list)
    """What the next calls raise, in this order."""
    texts: list[str] = field(default_factory=list)
    """What they were asked to look at, all texts of a call together."""
    seconds: float = 0.0
    """How long an answer takes."""
    open_calls: int = 0
    most_open: int = 0

    async def _answer(self, read: Callable[[bytes], Any], body: dict[str, Any]) -> Any:
        self.open_calls += 1
        self.most_open = max(self.most_open, self.open_calls)
        try:
            await asyncio.sleep(self.seconds)
            if self.faults:
                raise self.faults.pop(0)
            wanted = read(json.dumps(body).encode())
        except Refusal as refusal:
            raise _told(refusal) from None
        finally:
            self.open_calls -= 1
        self.texts.append(wanted.text)
        return wanted.answer(self.looks)


def _told(refusal: Refusal) -> BatchwrightError:
    if refusal.kind == "UnsupportedLanguageException":
        return FilterBroken(refusal.kind)
    return RecordInvalid("invalid_request", refusal.kind)


class ScriptedGuardrails(Scripted):
    """Guardrails that all find the same."""

    applied: tuple[str, int, Stage] | None = None

    async def apply(
        self, guardrail: str, version: int, source: Stage, content: Sequence[Json]
    ) -> Json:
        self.applied = guardrail, version, source
        body = {"source": source.value.upper(), "content": [*content]}
        answer: Json = await self._answer(ApplyGuardrail, body)
        return answer

    async def check(self, messages: Sequence[Json], checks: Json) -> Json:
        body = {"messages": [*messages], "checks": checks}
        answer: Json = await self._answer(InvokeGuardrailChecks, body)
        return answer


class ScriptedComprehend(Scripted):
    """Comprehend, as far as filters ask it."""

    async def personal(self, text: str, language: str) -> Sequence[Json]:
        body = {"Text": text, "LanguageCode": language}
        answer = await self._answer(DetectPiiEntities, body)
        found: Sequence[Json] = answer["Entities"]
        return found

    async def toxic(self, texts: Sequence[str], language: str) -> Sequence[Json]:
        body = {"TextSegments": [{"Text": text} for text in texts], "LanguageCode": language}
        answer = await self._answer(DetectToxicContent, body)
        found: Sequence[Json] = answer["ResultList"]
        return found


@dataclass
class ScriptedFunctions:
    """Functions that answer what a test says."""

    act: Callable[[dict[str, Any]], Any]
    seconds: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def invoke(self, arn: str, payload: bytes, *, timeout: float) -> bytes:
        assert arn
        assert timeout > 0
        event = json.loads(payload)
        self.asked.append(event)
        await asyncio.sleep(self.seconds)
        answer = self.act(event)
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


THROTTLED = Throttled("AWS says ThrottlingException")
DENIED = AccessDenied("AWS says AccessDeniedException")
