"""Bedrock Guardrails."""

from collections.abc import Callable, Sequence
from typing import Any

from batchwright.aws.threads import Service
from batchwright.filters.services import Json
from batchwright.finding import Stage


class BedrockGuardrails:
    """Applies guardrails of the account, and makes checks that need none."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """``make`` returns a client of ``bedrock-runtime``."""
        self._service = Service(make)

    async def apply(
        self, guardrail: str, version: int, source: Stage, content: Sequence[Json]
    ) -> Json:
        """Apply one version of a guardrail."""
        answer: Json = await self._service.ask(
            f"apply guardrail {guardrail}, version {version}",
            lambda client: client.apply_guardrail(
                guardrailIdentifier=guardrail,
                guardrailVersion=str(version),
                source=source.value.upper(),
                content=content,
            ),
            member="assessments",
        )
        return answer

    async def check(self, messages: Sequence[Json], checks: Json) -> Json:
        """Make checks that need no guardrail."""
        answer: Json = await self._service.ask(
            "make guardrail checks",
            lambda client: client.invoke_guardrail_checks(messages=messages, checks=checks),
            member="results",
        )
        return answer

    def close(self) -> None:
        """Let go of its threads."""
        self._service.close()
