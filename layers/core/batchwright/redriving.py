"""Redriving: the chunks that hold records to ask again, listed as the plan of a redrive, in one run or in several."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from batchwright.errors import Missing, UploadGone
from batchwright.job import Redrive
from batchwright.listing import Listed, expected_size, listed_chunks
from batchwright.outcome import Tally
from batchwright.places import checkpoint_key, plan_key
from batchwright.ports import Objects, Upload
from batchwright.readahead import read_ahead
from batchwright.standing import standing_before

STEP = "plan"


class Checkpoint(Struct, kw_only=True):
    """Where listing stands between two runs."""

    place: int
    tally: dict[str, Any]
    upload: dict[str, Any]


class Stood(NamedTuple):
    """A chunk as it stood before the redrive."""

    listed: Listed
    open: frozenset[int]
    kept: Tally
    """What is not asked again; tokens, money and calls are those of all runs."""
    size: int


class Redriving:
    """Lists the chunks of one redrive."""

    def __init__(self, job_id: str, redrive: Redrive, objects: Objects) -> None:
        """Nothing is read before :meth:`go_on`."""
        self._job_id = job_id
        self._redrive = redrive
        self._objects = objects
        self.tally = Tally()
        """What stands and is not asked again."""

    def go_on(self, enough_time: Callable[[], bool]) -> bool:
        """List on from the checkpoint; return whether all chunks were looked at, or the time did not suffice.

        At least one chunk is looked at: every run gets on.
        """
        try:
            return self._step(self._found(), enough_time)
        except UploadGone:
            # A run died after it had finished the list, or the bucket swept away what lay there for days.
            return self._step(None, enough_time)

    def _step(self, kept: Checkpoint | None, enough_time: Callable[[], bool]) -> bool:
        upload = self._upload(kept)
        self.tally = Tally.from_json(kept.tally) if kept else Tally()
        with closing(self._stood(kept.place if kept else 0)) as stood:
            for each in stood:
                self._list(each, upload)
                if not enough_time():
                    self._save(each.listed.end, upload)
                    return False
        upload.finish()
        return True

    def _stood(self, place: int) -> Generator[Stood]:
        listed = listed_chunks(self._objects, self._job_id, place=place)
        return read_ahead(listed, self._look, expected=expected_size, weight=lambda each: each.size)

    def _look(self, listed: Listed) -> Stood:
        standing = standing_before(self._objects, listed.chunk, self._redrive.number)
        open_ = standing.open_to(self._redrive)
        return Stood(listed, open_, standing.tally(without=open_), standing.size)

    def _list(self, stood: Stood, upload: Upload) -> None:
        self.tally.add_all(stood.kept)
        if stood.open:
            chunk = stood.listed.chunk.model_copy(update={"redrive": self._redrive})
            upload.write(chunk.to_line())

    def _upload(self, kept: Checkpoint | None) -> Upload:
        key = plan_key(self._job_id, self._redrive.number)
        return self._objects.resume(key, kept.upload) if kept else self._objects.begin(key)

    def _save(self, place: int, upload: Upload) -> None:
        kept = Checkpoint(place=place, tally=self.tally.to_json(), upload=upload.pause())
        self._objects.write(self._key, msgspec.json.encode(kept))

    def _found(self) -> Checkpoint | None:
        try:
            return msgspec.json.decode(self._objects.read(self._key), type=Checkpoint)
        except (Missing, msgspec.DecodeError):
            return None

    @property
    def _key(self) -> str:
        return checkpoint_key(self._job_id, STEP, self._redrive.number)
