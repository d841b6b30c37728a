"""What is handed over to an endpoint, and what it has taken: ``input.jsonl`` and the notes of a submission.

The notes are objects with numbers, each made only if its number is free, like the segments of a chunk's log: who hands
over beside a successor finds the number taken, and stops. Each says which calls are made next, and what became of
those before: so every call that was made is counted, whoever died.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from msgspec import Raw, Struct

from batchwright.errors import AlreadyExists, Missing, Unavailable
from batchwright.ports import Objects

# So many calls are made between two notes, and no more bytes than that are held for them.
NOTED_EVERY, HELD = 20, 8_000_000

type Payload = tuple[list[int], bytes]
"""What one call sends, behind the records that it is for."""


class Line(Struct, frozen=True):
    """A request as it is staged."""

    index: int
    body: Raw


class Call(Struct, frozen=True):
    """A call that SageMaker has taken: for which records, and where its answer will lie."""

    indexes: list[int]
    output_key: str
    failure_key: str


class Note(Struct, frozen=True, kw_only=True):
    """What one note tells."""

    until: datetime
    """When the last call will be over, whatever becomes of it."""
    calls: list[Call] = []
    """What was taken since the note before."""
    unmade: list[int] = []
    """The records whose calls the note before began, and that were not made."""
    begun: list[int] = []
    """The records whose calls are made next."""
    whole: bool = False
    """Whether all is handed over."""


class Taken:
    """What was handed over, as the notes tell it."""

    def __init__(self, objects: Objects, prefix: str) -> None:
        """Read the notes under ``prefix``."""
        self.calls: list[Call] = []
        self.lost: Counter[int] = Counter()
        """How many calls may have been made for a record of which nobody knows where their answers will lie."""
        self.until: datetime | None = None
        """``None`` where nothing is noted."""
        self.whole = False
        self._objects = objects
        self._prefix = prefix
        self._notes = 0
        for note in self._read():
            self._count(note)

    @property
    def done(self) -> frozenset[int]:
        """The records whose calls were taken."""
        return frozenset(index for call in self.calls for index in call.indexes)

    def add(self, note: Note) -> None:
        """Write the next note; raises :class:`Unavailable` where another run has."""
        key, content = self._key(), msgspec.json.encode(note)
        try:
            self._objects.create(key, content)
        except AlreadyExists:
            if self._objects.read(key) != content:  # else it is ours, and its reply was lost
                raise Unavailable("another run hands over the same submission") from None
        self._count(note)

    def _count(self, note: Note) -> None:
        """Count what was begun as lost until a note says what became of it."""
        self.lost.subtract(note.unmade)
        self.lost.subtract(index for call in note.calls for index in call.indexes)
        self.lost.update(note.begun)
        self.calls += note.calls
        self.until, self.whole = note.until, note.whole
        self._notes += 1

    def _read(self) -> Iterator[Note]:
        while True:
            try:
                content = self._objects.read(self._key())
            except Missing:
                return
            yield msgspec.json.decode(content, type=Note)

    def _key(self) -> str:
        return f"{self._prefix}{self._notes:06d}.json"


def groups_of(payloads: Iterable[Payload]) -> Iterator[list[Payload]]:
    """Yield what is sent between two notes."""
    group: list[Payload] = []
    size = 0
    for indexes, payload in payloads:
        if group and (len(group) == NOTED_EVERY or size + len(payload) > HELD):
            yield group
            group, size = [], 0
        group.append((indexes, payload))
        size += len(payload)
    if group:
        yield group
