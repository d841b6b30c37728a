"""What a lane has answered to a submission's records, found by the records' places and never by the order.

The answers lie in a file of their own for as long as they are looked into; in memory there is only where each begins.
"""

from collections.abc import Callable
from tempfile import TemporaryFile
from typing import IO

from batchwright.completion import Completion
from batchwright.errors import AskAgain, BatchwrightError
from batchwright.request import Request

type Answer = Completion | BatchwrightError
"""What came of a record: an answer, or why there is none."""
type Read = Callable[[bytes, Request, str, int], Answer | None]
"""Reads the answer to a request to a model, which had about so many tokens."""


class Shelf:
    """Answers as they came, in a file, and where each of them begins."""

    def __init__(self) -> None:
        """Nothing lies there; the file goes when nobody holds the shelf any more."""
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it lives as long as the shelf
        self._places: dict[int, tuple[int, int]] = {}
        self._size = 0
        self.calls: dict[int, int] = {}
        """How often the lane was called for a record, at most, where it is called for each."""

    @property
    def indexes(self) -> frozenset[int]:
        """The records that have an answer."""
        return frozenset(self._places)

    def __contains__(self, index: int) -> bool:
        """Whether a record has an answer."""
        return index in self._places

    def call(self, index: int, times: int = 1) -> None:
        """Note calls that were made for a record, whether it has an answer or not."""
        if times:
            self.calls[index] = self.calls.get(index, 0) + times

    def put(self, index: int, content: bytes) -> None:
        """Keep an answer; of two to the same record the first stands."""
        if index in self._places:
            return
        self._places[index] = (self._size, len(content))
        self._file.seek(self._size)
        self._file.write(content)
        self._size += len(content)

    def get(self, index: int) -> bytes | None:
        """Return what was kept of a record."""
        if index not in self._places:
            return None
        place, size = self._places[index]
        self._file.seek(place)
        return self._file.read(size)

    def close(self) -> None:
        """Throw all of it away."""
        self._file.close()


class Collected:
    """What one worker may take of it: each answer once."""

    def __init__(
        self,
        shelf: Shelf,
        read: Read,
        *,
        handed: frozenset[int] = frozenset(),
        fault: BatchwrightError | None = None,
    ) -> None:
        """``fault`` ends the records that were ``handed`` over and have no answer; without one they are asked."""
        self._shelf = shelf
        self._read = read
        self._handed = handed
        self._fault = fault
        self._taken: set[int] = set()
        self.only = False
        """Whether nobody may be asked besides: the job must stop."""

    @property
    def indexes(self) -> frozenset[int]:
        """The records of which there is something to tell: an answer, or that a call was made for nothing."""
        return self._shelf.indexes.union(self._shelf.calls)

    def calls(self, index: int) -> tuple[int, int]:
        """Return how many calls the lane made for a record, and how many of them have no answer: maybe billed."""
        answered = index in self._shelf
        made = self._shelf.calls.get(index, int(answered))
        return made, made - answered

    def holds(self, index: int) -> bool:
        """Whether there is something to tell of a record that nobody has taken yet."""
        known = index in self._shelf or index in self._shelf.calls
        return known and index not in self._taken

    def take(self, index: int, request: Request, model: str, input_tokens: int) -> Answer | None:
        """Return what came of a record, once.

        Where that is :class:`AskAgain`, or ``None``, somebody is to be asked now.
        """
        if index in self._taken:
            return None
        self._taken.add(index)
        content = self._shelf.get(index)
        answer = None if content is None else self._read(content, request, model, input_tokens)
        if answer is not None and not isinstance(answer, AskAgain):
            return answer
        ends = index in self._handed and self._fault is not None and not self.only
        return self._fault if ends else answer
