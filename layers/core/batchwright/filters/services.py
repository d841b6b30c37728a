"""What filters may use that do not look for themselves: ports, whose adapters are in ``aws/``.

They give back what the services say, as these say it; whoever asked reads it, and fails where it reads otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from batchwright.finding import Stage

type Json = Mapping[str, Any]


class Guardrails(Protocol):
    """Bedrock Guardrails. Raises :class:`AskAgain`, :class:`RecordEnds` or :class:`JobStops`, as all here do."""

    async def apply(
        self, guardrail: str, version: int, source: Stage, content: Sequence[Json]
    ) -> Json:
        """Apply one version of a guardrail
        (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html).
        """
        ...

    async def check(self, messages: Sequence[Json], checks: Json) -> Json:
        """Make checks that need no guardrail: ``InvokeGuardrailChecks``."""
        ...


class Comprehend(Protocol):
    """Amazon Comprehend."""

    async def personal(self, text: str, language: str) -> Sequence[Json]:
        """Return the entities of ``DetectPiiEntities``."""
        ...

    async def toxic(self, texts: Sequence[str], language: str) -> Sequence[Json]:
        """Return ``DetectToxicContent``'s result for each text."""
        ...


class Functions(Protocol):
    """Functions that users have made into filters."""

    async def invoke(self, arn: str, payload: bytes, *, timeout: float) -> bytes:
        """Invoke one, and return what it answers; raises :class:`ServiceFault` where it raised."""
        ...


class Models(Protocol):
    """Models besides the one that a record asks; their calls are counted and paid as the record's own."""

    async def ask(self, body: dict[str, Any], route: Mapping[str, Any]) -> str:
        """Ask with a Converse body, and return the answer's text; ``route`` is as a contract writes one."""
        ...
