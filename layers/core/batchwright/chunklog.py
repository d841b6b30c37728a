"""The chunk log: a chunk's outcomes as an append-only sequence of immutable objects.

Each segment is created under the next number and only if nobody has (``If-None-Match: *``). Whoever finds the number
taken reads what stands there, drops what it settles, and tries the next: a compare-and-append without lease, clock or
table. A late worker can waste a call; it cannot change or double an outcome.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from batchwright.errors import AlreadyExists, LogBroken, Missing
from batchwright.outcome import Counted, Outcome, Tally
from batchwright.places import chunk_prefix
from batchwright.ports import Objects
from batchwright.segment import (
    Claim,
    Effort,
    Header,
    LogEntry,
    Note,
    Settled,
    read_segment,
    who_began,
    write_segment,
)


class ChunkLog:
    """One chunk's log, as one writer sees it."""

    def __init__(
        self, objects: Objects, job_id: str, chunk: int, *, writer: str, redrive: int = 0
    ) -> None:
        """``writer`` must be an id that no other worker has."""
        self._objects = objects
        self._job_id = job_id
        self._chunk = chunk
        self._writer = writer
        self._prefix = chunk_prefix(job_id, chunk, redrive)
        self.segments = 0
        """How many segments this writer has seen, its own included."""
        self.settled: set[int] = set()
        """The indexes that have an outcome."""
        self.tally = Tally()
        self.own = Tally()
        """What of it was settled under this writer's name."""
        self.own_indexes: set[int] = set()
        """The indexes that were settled under this writer's name."""
        self.size = 0
        """Bytes of the segments that were read."""
        self.efforts: dict[int, Effort] = {}
        """What earlier workers spent on records that they left open."""
        self.claims: dict[str, Claim] = {}
        """What those writers work on, or worked on when they died, that never said that they left."""
        self._began: list[str] = []
        self._is_first = False

    @property
    def overtaken(self) -> bool:
        """Whether another writer has begun after this one: whoever called it takes this one for dead."""
        return self._writer in self._began[:-1]

    @property
    def unended(self) -> list[Claim]:
        """What the other writers claimed that never said that they left."""
        return [claim for writer, claim in self.claims.items() if writer != self._writer]

    def read(
        self, until: Collection[int] | None = None, *, begun: bool = False
    ) -> Iterator[LogEntry]:
        """Read every segment that was not seen yet; yield its entries, each once.

        Where it is known which records the log is to settle, ``until`` all of them are and every writer that claimed
        has left: what comes after that settles nothing and counts no call, since nobody works without a claim. Where
        a worker is likely to have ``begun`` the log, its claim at the head is not read: the next segment tells of it.
        """
        second = self._second() if until and begun else None
        while not until or self.claims or not self.settled.issuperset(until):
            if second is not None and self.segments == 1:
                content = second
            else:
                try:
                    content = self._objects.read(self._key(self.segments))
                except Missing:
                    return
            yield from self._take(content)

    def _second(self) -> bytes | None:
        """Read the second segment; the first counts as seen where the second tells all that there is in it."""
        try:
            content = self._objects.read(self._key(1))
        except Missing:
            return None
        if (writer := who_began(content)) is not None:
            self._count([], Note(claim=()), writer)
        return content

    def catch_up(self) -> None:
        """Read every segment that was not seen yet, and remember what is settled."""
        for _ in self.read():
            pass

    def begin(self, claim: Claim) -> bool:
        """Claim what is to be settled, where nobody wrote anything yet; else read what stands.

        Returns whether this writer is the first. That is the usual case, and asking first would be a request more.
        """
        content = self._segment([], Note(claim=claim))
        try:
            self._objects.create(self._key(0), content)
        except AlreadyExists:
            self.catch_up()
            self._is_first = self._began == [self._writer]  # our own, whose reply was lost
        else:
            self._count([], Note(claim=claim), self._writer)
            self._is_first = True
        return self._is_first

    def append(
        self,
        settled: list[Settled],
        *,
        calls: int = 0,
        ambiguous_calls: int = 0,
        efforts: Mapping[int, Effort] | None = None,
        claim: Claim | None = None,
        left: bool = False,
    ) -> list[Settled]:
        """Append the outcomes that are not settled yet; return those that were.

        ``calls`` are the model calls made since this writer's last segment. They are kept even where every outcome was
        settled by somebody else: calls are counted (law 3). ``efforts`` is what was spent on records left open; for
        ``claim`` and ``left`` see :class:`Note`.
        """
        note = Note(
            calls=calls,
            ambiguous_calls=ambiguous_calls,
            efforts=efforts or {},
            claim=claim,
            left=left,
        )
        fresh = self._fresh(settled)
        while fresh or not note.empty:
            content = self._segment(fresh, note)
            try:
                self._objects.create(self._key(self.segments), content)
            except AlreadyExists:
                standing = self._objects.read(self._key(self.segments))
                self._take(standing)
                if standing == content:
                    return fresh  # our own, whose reply was lost
                fresh = self._fresh(fresh)
            else:
                self._count([outcome for outcome, _ in fresh], note, self._writer)
                return fresh
        return fresh

    def _segment(self, settled: list[Settled], note: Note) -> bytes:
        place = (self._job_id, self._chunk, self.segments)
        return write_segment(
            settled, place=place, writer=self._writer, note=note, began=self._is_first
        )

    def _fresh(self, settled: list[Settled]) -> list[Settled]:
        return [each for each in settled if each[0].index not in self.settled]

    def _take(self, content: bytes) -> list[LogEntry]:
        place = (self._job_id, self._chunk, self.segments)
        header, entries = read_segment(content, place=place)
        counted = [entry.counted for entry in entries]
        if twice := self.settled.intersection(each.index for each in counted):
            raise LogBroken(f"segment {place} settles record {min(twice)} a second time")
        self._count(counted, header, header.writer)
        self.efforts.update(header.efforts)
        self.size += len(content)
        return entries

    def _count(
        self, outcomes: Iterable[Outcome | Counted], told: Header | Note, writer: str
    ) -> None:
        segment = Tally(calls=told.calls, ambiguous_calls=told.ambiguous_calls)
        indexes = set()
        for outcome in outcomes:
            segment.add(outcome)
            indexes.add(outcome.index)
        self.settled |= indexes
        self.tally.add_all(segment)
        if writer == self._writer:
            self.own.add_all(segment)
            self.own_indexes |= indexes
        if told.claim is not None:
            self.claims[writer] = told.claim
            if writer not in self._began:
                self._began.append(writer)
        if told.left:
            self.claims.pop(writer, None)
        self.segments += 1

    def _key(self, segment: int) -> str:
        return f"{self._prefix}{segment:06d}.jsonl"
