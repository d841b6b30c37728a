"""What every filter is: texts in, findings out. What a finding means for the text, the contract says."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from batchwright.filters.services import Comprehend, Functions, Guardrails, Models
from batchwright.finding import Finding, Stage, Verdict
from batchwright.folding import Text
from batchwright.written import Written

if TYPE_CHECKING:
    from batchwright.filters.queues import Queue

type Then = Literal["pass", "redact", "review", "block"]
type ThenWhole = Literal["pass", "review", "block"]
"""The same for filters that judge a text as a whole: there is nothing to redact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What filters look at: the texts of one request, or those of one answer."""

    stage: Stage
    texts: Sequence[Text]
    asked: Callable[[], Sequence[str]] = tuple
    """Looking at an answer, the texts of the request that it answers."""
    key: str = ""
    """The record's idempotency key, for filters that make calls."""
    models: Models | None = None
    """Other models, asked on the record's account."""


class Filter(Protocol):
    """Looks at texts. It never changes them, and knows nothing of what its findings lead to."""

    @property
    def gate(self) -> Sequence[str]:
        """RE2 patterns, one of which occurs in the folded form of every text that can hold a finding.

        Texts in which none occurs are not looked at. Without any, all are.
        """
        ...

    async def look(self, subject: Subject) -> list[Finding]:
        """Return what is there, by text and place in its folded form.

        Whatever it raises, the record is held for review: no text is released that a filter could not look at. Only
        what stops the job or the worker goes its own way. A filter that waits for somebody bounds how long.
        """
        ...


class LocalFilter(ABC):
    """A filter that needs nobody: every text by itself, in time proportional to its length."""

    gate: Sequence[str] = ()

    async def look(self, subject: Subject) -> list[Finding]:
        """Return what is in the texts."""
        return [
            found
            for part, text in enumerate(subject.texts)
            for found in self.find(text.folded, part)
        ]

    @abstractmethod
    def find(self, text: str, part: int) -> list[Finding]:
        """Return what is in one text, which is folded; ``part`` is for the findings."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What filters may use that do not look for themselves: services, with one queue for each."""

    guardrails: Guardrails | None = None
    comprehend: Comprehend | None = None
    functions: Functions | None = None
    job_id: str = ""
    chance: Callable[[], float] = random.random
    """A random number from 0 to 1."""
    _queues: dict[str, "Queue"] = field(init=False, default_factory=dict)

    def queue(self, service: str, *, tries: int = 3) -> "Queue":
        """Return a service's queue; ``tries`` is how often a call may fail by the service's own fault."""
        from batchwright.filters.queues import Queue  # noqa: PLC0415 - asyncio costs a cold start, and planning asks nobody

        if service not in self._queues:
            self._queues[service] = Queue(service, chance=self.chance, tries=tries)
        return self._queues[service]


class FilterSettings(Written):
    """One filter in a contract: ``pii: redact``, or its settings with ``then`` among them."""

    stages: ClassVar[frozenset[Stage]] = frozenset(Stage)
    """Where it can stand."""
    remote: ClassVar[bool] = False
    """Whether it asks a service: then it looks last, at what would be released, and only where that is anything."""
    then: Then = "review"

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, written: Any) -> Any:
        return {"then": written} if isinstance(written, str) else written

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Tell editors of the short form, too."""
        whole = handler(core)
        told = handler.resolve_ref_schema(whole)
        if told.get("required"):
            return whole
        return {"anyOf": [told["properties"]["then"], whole]}

    @property
    def verdict(self) -> Verdict:
        """What a finding leads to."""
        return Verdict(self.then)

    @property
    def models(self) -> tuple[str, ...]:
        """Which models it asks."""
        return ()

    def filter(self, means: Means) -> Filter:
        """Return the filter; what it needs is loaded here, and not with the contract."""
        raise NotImplementedError


class RemoteSettings(FilterSettings):
    """A filter that asks a service: the service's queue bounds its calls, which wait for their turn, not its looks."""

    remote: ClassVar[bool] = True
