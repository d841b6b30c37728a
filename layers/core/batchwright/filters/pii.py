"""Personal data: what has a shape, a checksum, or a word beside it that tells what it is."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from batchwright.filters.filter import Filter, FilterSettings, LocalFilter, Means, Then
from batchwright.filters.recognisers.own import OwnRecogniser
from batchwright.filters.recognisers.recogniser import Place, Reading, Recogniser
from batchwright.finding import Finding

REGIONS = (
    "US", "CA", "GB", "IE", "DE", "AT", "CH", "FR", "ES", "IT", "NL", "BE", "PT", "SE", "PL", "BR", "IN", "AU",
)  # fmt: skip
REGION = r"^[A-Z]{2}$"
_MARKS = re.compile(r"[\s().+/_-]+")


class PiiSettings(FilterSettings):
    """Which kinds are looked for, and what is no finding."""

    then: Then = "redact"
    kinds: tuple[str, ...] | None = None
    """All that are precise, if nothing is said."""
    allow: tuple[Annotated[str, Field(min_length=2, max_length=320)], ...] = ()
    """Values that may be seen; ``@example.com`` is every address there."""
    regions: tuple[Annotated[str, Field(pattern=REGION)], ...] = REGIONS
    """Where phone numbers without a country's code are dialled."""
    recognisers: tuple[OwnRecogniser, ...] = ()

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...] | None) -> tuple[str, ...] | None:
        from batchwright.filters.recognisers.kinds import KINDS  # noqa: PLC0415 - they cost a cold start

        if kinds is not None and not KINDS.issuperset(kinds):
            raise ValueError(f"there are these kinds: {', '.join(sorted(KINDS))}")
        return kinds

    @field_validator("regions")
    @classmethod
    def _planned(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        if regions == REGIONS:
            return regions
        from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - it costs a cold start

        if not regions or not SUPPORTED_REGIONS.issuperset(regions):
            raise ValueError("a region has two letters, as `DE`, and numbers to dial")
        return regions

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.recognisers:
            from batchwright.filters.recognisers.kinds import KINDS  # noqa: PLC0415 - as above

            names = [own.name for own in self.recognisers]
            if len({*names}) < len(names) or not KINDS.isdisjoint(names):
                raise ValueError("recognisers: every one has a name of its own")
        elif self.kinds == ():
            raise ValueError("kinds is empty, and there are no recognisers")
        return self

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        from batchwright.filters.recognisers.kinds import PRECISE, recognisers  # noqa: PLC0415 - as above

        kinds = PRECISE if self.kinds is None else self.kinds
        return Pii(recognisers(kinds, self.regions, self.recognisers), self.allow)


class Pii(LocalFilter):
    """Finds what recognisers recognise, except what may be seen."""

    def __init__(self, recognisers: Sequence[Recogniser], allow: Iterable[str]) -> None:
        """Take the recognisers in the order in which they look."""
        self._recognisers = recognisers
        self._allowed = {_known_as(value) for value in allow}
        self.gate = tuple(pattern for each in recognisers for pattern in each.gate)

    def find(self, text: str, part: int) -> list[Finding]:
        """Return what is in one text; what lies within another finding is part of it."""
        reading = Reading(text)
        for recogniser in self._recognisers:
            reading.places += [*recogniser.find(reading)]
        return [
            Finding(
                kind=place.kind,
                part=part,
                start=place.start,
                end=place.end,
                confidence=place.confidence,
            )
            for place in _outermost(reading.places)
            if not self._may_be_seen(text[place.start : place.end])
        ]

    def _may_be_seen(self, value: str) -> bool:
        if not self._allowed:
            return False
        known = _known_as(value)
        at = known.rfind("@")
        return known in self._allowed or (at > 0 and known[at:] in self._allowed)


def _outermost(places: Iterable[Place]) -> Iterator[Place]:
    """Yield places in order, without those that lie within another; of two for the same value the surer one."""
    last = 0
    for place in sorted(places, key=lambda each: (each.start, -each.end, -each.confidence)):
        if place.end > last:
            yield place
            last = place.end


def _known_as(value: str) -> str:
    """Return what all spellings of one value have in common."""
    bare = _MARKS.sub("", value)
    return bare if bare.isdigit() else value.strip().casefold()
