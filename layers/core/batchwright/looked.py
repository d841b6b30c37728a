"""What services found in requests before a lane took them: kept beside what is staged, so that they are asked once.

It holds what was redacted and what stands instead: a working file like the requests themselves, and gone when they go.
"""

import msgspec
from msgspec import Struct

from batchwright.contract import Contract
from batchwright.errors import Missing
from batchwright.finding import Noted, Verdict
from batchwright.places import looked_key
from batchwright.ports import Objects
from batchwright.submission import Submission


class Looked(Struct, frozen=True, kw_only=True):
    """What the filters of one request came to that let it pass."""

    index: int
    verdict: Verdict
    noted: list[Noted]
    texts: dict[str, str]
    """What is asked instead of texts that were redacted."""
    numbers: dict[str, dict[str, int]]
    """The numbers of its placeholders; its answer goes on with them."""


ENCODER = msgspec.json.Encoder()
DECODER = msgspec.json.Decoder(Looked)


class Looks:
    """What is kept of the requests of one chunk."""

    def __init__(self, objects: Objects, key: str) -> None:
        """Read what lies under ``key``."""
        self._objects = objects
        self._key = key
        try:
            found = DECODER.decode_lines(objects.read(key))
        except Missing:
            found = []
        self._found = {each.index: each for each in found}
        self._kept = len(self._found)

    def found(self, index: int) -> Looked | None:
        """Return what was found in a record's request."""
        return self._found.get(index)

    def add(self, looked: Looked) -> None:
        """Take what was found now."""
        self._found[looked.index] = looked

    def keep(self) -> None:
        """Write it down, if there is more of it than was read."""
        if len(self._found) > self._kept:
            self._objects.write(self._key, ENCODER.encode_lines([*self._found.values()]))
            self._kept = len(self._found)


def looks_of(
    submission: Submission, chunk: int, contract: Contract, objects: Objects
) -> Looks | None:
    """Return what is kept of a chunk; ``None`` where no service looks at requests, since others look for nothing."""
    if not any(entry.settings.remote for entry in contract.filters.input):
        return None
    key = looked_key(submission.job_id, submission.submission, chunk, submission.redrives)
    return Looks(objects, key)
