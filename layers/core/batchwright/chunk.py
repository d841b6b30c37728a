"""A run of records, as a byte range of the input: one line of ``plan.jsonl``, one child of the workflow's map."""

import orjson
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from batchwright.job import Redrive
from batchwright.lane import ON_DEMAND


class ByteRange(BaseModel):
    """Bytes ``start`` up to, not including, ``end`` of an object."""

    model_config = ConfigDict(frozen=True)

    start: NonNegativeInt
    end: NonNegativeInt


class Chunk(BaseModel):
    """Everything that a worker needs to find its records; pointers only."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    chunk: NonNegativeInt
    lane: str = ON_DEMAND
    """The way in which it is asked by itself; a submission of several says its own."""
    dialect: str
    unfolded: bool = False
    """Whether the bytes are those of the unfolded input, and not of the input itself."""
    round: NonNegativeInt = 0
    """0 for the records of the input, from 1 on for those that join the answers of the round before."""
    header: ByteRange | None = None
    """Where the columns of a table are named."""
    records: PositiveInt
    first_index: NonNegativeInt
    """The place of the chunk's first record among the job's, from 0."""
    first_line: PositiveInt
    span: ByteRange
    problems: ByteRange | None = None
    """The lines of ``problems.jsonl`` that speak of this chunk."""
    redrive: Redrive | None = None
    """The redrive that asks for some of the records again."""

    @property
    def indexes(self) -> range:
        """The places of the chunk's records among the job's."""
        return range(self.first_index, self.first_index + self.records)

    @property
    def redrives(self) -> int:
        """The number of the redrive, 0 in a job's first run."""
        return self.redrive.number if self.redrive else 0

    def to_line(self) -> bytes:
        """Return it as its line of the plan."""
        return orjson.dumps(self.model_dump(exclude_none=True)) + b"\n"
