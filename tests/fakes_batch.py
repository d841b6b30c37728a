"""Bedrock's batch inference in memory: the same life as on the model host, with time moved by hand.

It is told how to behave in the host's own words, so that a script that is tried here runs there.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from batchwright.batchjob import BatchCounts, BatchJob, BatchState, BatchStatus
from batchwright.errors import Missing, ModelUnknown, RecordInvalid, Throttled, Unavailable
from tests.canary import silent
from tests.emulator.host.batch.behaviour import BatchBehaviour, BatchFault
from tests.emulator.host.batch.faults import BatchFaults
from tests.emulator.host.engines.echo import Echo
from tests.emulator.host.refusals import Refusal
from tests.emulator.host.wire.batch import CreateJob
from tests.emulator.host.wire.invoke_model import InvokeModel
from tests.emulator.host.wire.model_id import known
from tests.fakes import NOON, MemoryObjects

ROLE = "arn:aws:iam::123456789012:role/batch"
A_MINUTE_EACH = BatchBehaviour(submitted=60, validating=60, scheduled=60, in_progress=60)
ENDS = {
    "fail": BatchStatus.FAILED,
    "partial": BatchStatus.PARTIALLY_COMPLETED,
    "expire": BatchStatus.EXPIRED,
}
type Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What the model makes of a record's `modelInput`; a Refusal becomes the record's error."""


def echoed(model_input: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer as Converse does, with the last text."""
    if "toolConfig" in model_input:
        raise Refusal(400, "ValidationException", "no tools here")
    text = last_text(model_input)
    used = {"inputTokens": 2, "outputTokens": 1, "totalTokens": 3}
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": used,
        "metrics": {"latencyMs": 0},
    }


def invoked(model_input: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """Answer as InvokeModel does, in the words of the model's family, as the model host would."""
    asked = InvokeModel(json.dumps(model_input).encode(), model=model, metadata=None, tier=None)
    answering = Echo().complete(asked.ask)
    try:
        answering.send(None)
    except StopIteration as answered:  # an echo waits for nothing
        return asked.answer(answered.value, latency_ms=0)
    raise AssertionError("the echo waits")


def last_text(model_input: Mapping[str, Any]) -> str:
    """Return what faults match on: the last text of the last message, where it has one."""
    blocks = model_input["messages"][-1]["content"]
    return str(["", *(block["text"] for block in blocks if "text" in block)][-1])


@dataclass
class BatchRun:
    """One job as the fake keeps it."""

    wish: BatchJob
    arn: str
    born: float
    status: BatchStatus = BatchStatus.SUBMITTED
    message: str | None = None
    records: list[dict[str, Any]] = field(default_factory=list)
    processed: int = 0
    errors: int = 0
    fault: BatchFault | None = None
    begun: bool = False
    """Whether any record may have been asked: before that, nothing is written."""
    halted: float | None = None
    """When it was asked to stop."""


@dataclass
class ScriptedBatchInference:
    """Runs jobs over a bucket in memory while :meth:`pass_time` lets it."""

    objects: MemoryObjects
    behaviour: BatchBehaviour = A_MINUTE_EACH
    answer: Answer = echoed
    refusals: list[Exception] = field(default_factory=list)
    """What the next starts raise, one after the other."""
    lost_replies: int = 0
    """How many of the next starts begin a job, and then say that the service is not there."""
    runs: dict[str, BatchRun] = field(default_factory=dict)
    """The jobs, by their ARN, in the order of their start."""
    told: list[tuple[str, BatchStatus]] = field(default_factory=list)
    """The events: a job's name, and what it became."""
    asked: list[str] = field(default_factory=list)
    """The ids of the records that a model was paid for."""
    now: float = 0.0

    def __post_init__(self) -> None:
        self.behave()

    def behave(self, **given: Any) -> None:
        """Change what is given of the behaviour; faults begin afresh."""
        self.behaviour = BatchBehaviour.model_validate(self.behaviour.model_dump() | given)
        self._faults = BatchFaults(self.behaviour.faults, seed=0)

    def start(self, wish: BatchJob) -> str:
        silent("a batch job", wish)
        for run in self.runs.values():
            if run.wish.token == wish.token:
                return run.arn
        if self.refusals:
            raise self.refusals.pop(0)
        self._check(wish)
        arn = f"arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/{len(self.runs):012}"
        self._become(BatchRun(wish=wish, arn=arn, born=self.now), BatchStatus.SUBMITTED)
        if self.lost_replies:
            self.lost_replies -= 1
            raise Unavailable("the reply was lost")
        return arn

    def state(self, arn: str) -> BatchState:
        run = self._run(arn)
        done = run.processed - run.errors
        counts = BatchCounts(
            total=len(run.records), processed=run.processed, success=done, error=run.errors
        )
        return BatchState(
            arn=arn,
            status=run.status,
            counts=counts,
            message=run.message,
            ends_at=NOON + timedelta(seconds=run.born, hours=run.wish.hours),
        )

    def find(self, name: str) -> str | None:
        found = [run.arn for run in self.runs.values() if run.wish.name == name]
        return found[-1] if found else None

    def stop(self, arn: str) -> None:
        run = self._run(arn)
        if not run.status.ended and run.halted is None:
            run.halted = self.now
            self._become(run, BatchStatus.STOPPING)

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass; every job goes as far as it comes in it."""
        self.now += seconds
        for run in self.runs.values():
            if not run.status.ended:
                self._live(run)

    def _live(self, run: BatchRun) -> None:
        told = self.behaviour
        if run.halted is not None:
            if self.now - run.halted >= told.stopping:
                self._end(run, BatchStatus.STOPPED)
            return
        age = self.now - run.born - told.submitted
        if age >= 0 and run.status is BatchStatus.SUBMITTED:
            self._become(run, BatchStatus.VALIDATING)
        age -= told.validating
        if age >= 0 and run.status is BatchStatus.VALIDATING:
            self._validate(run)
        age -= told.scheduled
        if age >= 0 and run.status is BatchStatus.SCHEDULED:
            run.begun, run.fault = True, self._faults.ending(run.wish.name)
            self._become(run, BatchStatus.IN_PROGRESS)
        if run.status is BatchStatus.IN_PROGRESS:
            self._work(run, age / told.in_progress if told.in_progress else 1.0)

    def _validate(self, run: BatchRun) -> None:
        """Read the input; too few or too many records end the job here, and so does an input that is not there."""
        try:
            lines = self.objects.read(run.wish.input_key).splitlines()
        except Missing:
            self._become(run, BatchStatus.FAILED, "the input is not there")
            return
        if not self.behaviour.min_records <= len(lines) <= self.behaviour.max_records:
            why = f"{len(lines)} records are not between the required minimum and the maximum"
            self._become(run, BatchStatus.FAILED, why)
            return
        run.records = [json.loads(line) for line in lines]
        self._become(run, BatchStatus.SCHEDULED)

    def _work(self, run: BatchRun, share: float) -> None:
        total = len(run.records)
        most = total if run.fault is None else min(run.fault.after, total)
        run.processed = min(most, int(total * share))
        if run.processed < most:
            return
        if run.fault is None or most == total:
            self._end(run, BatchStatus.COMPLETED)
        else:
            self._end(run, ENDS[run.fault.do], f"scripted: {run.fault.do}")

    def _end(self, run: BatchRun, status: BatchStatus, message: str | None = None) -> None:
        """Write the answers of what was processed, from the last one back, and end."""
        if run.begun:
            lines = [line for record in self._done(run) for line in self._lines(run, record)]
            place = f"{run.wish.output_prefix}{run.arn.rpartition('/')[2]}"
            name = run.wish.input_key.rpartition("/")[2]
            self.objects.write(f"{place}/{name}.out", b"".join(lines))
            self.objects.write(f"{place}/manifest.json.out", manifest(run, lines))
        self._become(run, status, message)

    def _done(self, run: BatchRun) -> list[dict[str, Any]]:
        return run.records[: run.processed][::-1]

    def _lines(self, run: BatchRun, record: dict[str, Any]) -> list[bytes]:
        fault = self._faults.of_record(last_text(record["modelInput"]))
        said = self._said(run, record, fault)
        run.errors += "error" in said
        line = json.dumps(record | said).encode() + b"\n"
        match fault and fault.do:
            case "drop":
                return []
            case "double":
                return [line, line]
            case "extra":
                stranger = {**record, "recordId": f"stranger-{record['recordId']}"}
                return [json.dumps(stranger | said).encode() + b"\n", line]
            case _:
                return [line]

    def _said(
        self, run: BatchRun, record: dict[str, Any], fault: BatchFault | None
    ) -> dict[str, Any]:
        """Ask the model, unless the record is to be refused."""
        try:
            if fault is None or fault.do != "error":
                model_input = record["modelInput"]
                output = (
                    self.answer(model_input)
                    if run.wish.converse
                    else invoked(model_input, run.wish.model)
                )
                self.asked.append(record["recordId"])
                return {"modelOutput": output}
            code, why = fault.code, "scripted"
        except Refusal as refusal:
            code, why = refusal.status, refusal.message
        return {"error": {"errorCode": code, "errorMessage": why}}

    def _check(self, wish: BatchJob) -> None:
        """Refuse what Bedrock refuses at once."""
        standing = [
            run
            for run in self.runs.values()
            if run.wish.model == wish.model and not run.status.ended
        ]
        if len(standing) >= self.behaviour.max_jobs:
            raise Throttled("too many jobs", retry_after=60.0)
        box = f"s3://{self.objects.bucket}/"
        try:
            CreateJob.model_validate(
                {
                    "jobName": wish.name,
                    "clientRequestToken": wish.token,
                    "roleArn": ROLE,
                    "modelId": wish.model,
                    "inputDataConfig": {"s3InputDataConfig": {"s3Uri": box + wish.input_key}},
                    "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": box + wish.output_prefix}},
                    "timeoutDurationInHours": wish.hours,
                }
            )
        except ValidationError:
            raise RecordInvalid("invalid_request", "a name of the job is refused") from None
        try:
            known(wish.model)
        except Refusal:
            raise ModelUnknown("no such model") from None

    def _run(self, arn: str) -> BatchRun:
        if arn not in self.runs:
            raise Missing(f"there is no batch job {arn}")
        return self.runs[arn]

    def _become(self, run: BatchRun, status: BatchStatus, message: str | None = None) -> None:
        run.status, run.message = status, message
        self.runs[run.arn] = run
        if self._faults.of_event(run.wish.name, status) != "lose_event":
            self.told.append((run.wish.name, status))


def manifest(run: BatchRun, lines: list[bytes]) -> bytes:
    """Return what Bedrock counts beside the answers: of all records that it has processed, lost ones included."""
    usages = [
        json.loads(line)["modelOutput"]["usage"] for line in lines if b"modelOutput" in line
    ] or [{"inputTokens": 0, "outputTokens": 0}]
    answered = run.processed - run.errors
    counted = {
        "totalRecordCount": len(run.records),
        "processedRecordCount": run.processed,
        "successRecordCount": answered,
        "errorRecordCount": run.errors,
        "inputTokenCount": answered * tokens_of(usages[0], "inputTokens", "input_tokens"),
        "outputTokenCount": answered * tokens_of(usages[0], "outputTokens", "output_tokens"),
    }
    return json.dumps(counted).encode()


def tokens_of(usage: Mapping[str, int], *names: str) -> int:
    """Return a count, which families name each in their own way."""
    return next(usage[name] for name in names if name in usage)
