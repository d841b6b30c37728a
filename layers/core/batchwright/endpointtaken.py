"""What is handed over to an endpoint, and what it has taken: ``input.jsonl`` and ``placed.json`` of a submission."""

from datetime import datetime

from msgspec import Raw, Struct


class Line(Struct, frozen=True):
    """A request as it is staged."""

    index: int
    body: Raw


class Call(Struct, frozen=True):
    """A call that SageMaker has taken: for which records, and where its answer will lie."""

    indexes: list[int]
    output_key: str
    failure_key: str


class Taken(Struct, kw_only=True):
    """What was handed over."""

    until: datetime
    """When the last will be over, whatever becomes of it."""
    calls: list[Call] = []
    whole: bool = False
