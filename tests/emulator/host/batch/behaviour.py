"""How batch inference is told to behave: how long a job stays in each status, its limits, its faults."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt

from tests.emulator.host.scripted import STRICT, ScriptedFault, Seconds

type BatchDoing = Literal[
    "fail", "partial", "expire", "error", "drop", "double", "extra", "lose_event", "double_event"
]

JOB_ENDS = ("fail", "partial", "expire")
OF_RECORDS = ("error", "drop", "double", "extra")
OF_EVENTS = ("lose_event", "double_event")


class BatchFault(ScriptedFault):
    """One scripted fault of batch inference.

    ``match`` looks at a job's name where the fault ends a job, at a record's last user text where it hits a record,
    and at ``<job's name> <status>`` where it hits an event.
    """

    do: BatchDoing
    after: NonNegativeInt = 0
    """How many records are answered before the job fails, expires or stays partial."""
    code: Annotated[int, Field(ge=400, le=599)] = 400
    """What a record's error is."""


class BatchBehaviour(BaseModel):
    """What batch inference does with a job; the limits are Bedrock's own."""

    model_config = STRICT

    submitted: Seconds = 0.0
    validating: Seconds = 0.0
    scheduled: Seconds = 0.0
    in_progress: Seconds = 0.0
    """How long all records of a job take at least; they are answered evenly over that time."""
    stopping: Seconds = 0.0
    in_parallel: PositiveInt = 20
    min_records: NonNegativeInt = 100
    max_records: PositiveInt = 50_000
    max_bytes: PositiveInt = 1_000_000_000
    """The largest input file."""
    max_jobs: PositiveInt = 20
    """How many jobs of one model may stand at once."""
    faults: list[BatchFault] = []
