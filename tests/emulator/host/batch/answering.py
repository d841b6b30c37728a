"""One record of a job: asked of an engine, and the lines that answer it."""

import time
from dataclasses import dataclass
from typing import Any

import orjson

from tests.emulator.host.batch.behaviour import BatchDoing
from tests.emulator.host.batch.faults import BatchFaults
from tests.emulator.host.batch.job import Job
from tests.emulator.host.batch.record import Record
from tests.emulator.host.desk import Desk
from tests.emulator.host.ledger import Call
from tests.emulator.host.refusals import Refusal, invalid
from tests.emulator.host.wire.converse import Converse
from tests.emulator.host.wire.invoke_model import InvokeModel

SERVER_FAULT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a record."""

    lines: list[bytes]
    succeeded: bool
    input_tokens: int = 0
    output_tokens: int = 0


async def answered(record: Record, job: Job, desk: Desk, faults: BatchFaults) -> Answered:
    """Ask for one record, unless a fault comes first, and write it down as paid."""
    wish = job.wish
    call = Call(
        at=time.time(),
        api="Batch",
        model=wish.model_id,
        metadata={"recordId": record.id, "jobName": wish.job_name},
    )
    try:
        asked = _asked(record, job)
        fault = _fault(faults, asked.ask.user_text)
    except Refusal as refusal:
        desk.refuse(call, refusal)
        return _refused(record, refusal)
    try:
        completion = await desk.pay_in_batch(call, asked.ask)
    except Refusal as refusal:
        return _refused(record, refusal)
    output = asked.answer(completion, latency_ms=0)
    return Answered(
        lines=_lines(record, output, fault),
        succeeded=True,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
    )


def _asked(record: Record, job: Job) -> Converse | InvokeModel:
    body, model = orjson.dumps(record.model_input), job.wish.model_id
    if job.wish.model_invocation_type == "InvokeModel":
        return InvokeModel(body, model=model, metadata=None, tier=None)
    if isinstance(record.model_input, dict) and "toolConfig" in record.model_input:
        raise invalid("Tool use is not supported in batch inference with the Converse type.")
    return Converse(body, model=model)


def _fault(faults: BatchFaults, text: str) -> BatchDoing | None:
    """Return the fault that is to hit the record's answer, or refuse the record by it."""
    fault = faults.of_record(text)
    if fault is not None and fault.do == "error":
        raise Refusal(fault.code, "Scripted", _words(fault.code))
    return None if fault is None else fault.do


def _lines(record: Record, output: dict[str, Any], doing: BatchDoing | None) -> list[bytes]:
    line = record.said(modelOutput=output)
    match doing:
        case "drop":
            return []
        case "double":
            return [line, line]
        case "extra":
            stranger = Record(f"stranger-{record.id}", record.model_input)
            return [stranger.said(modelOutput=output), line]
        case _:
            return [line]


def _refused(record: Record, refusal: Refusal) -> Answered:
    error = {"errorCode": refusal.status, "errorMessage": refusal.message}
    return Answered(lines=[record.said(error=error)], succeeded=False)


def _words(code: int) -> str:
    if code >= SERVER_FAULT:
        return "The model failed to answer this record."
    return "This record was refused by a scripted fault."
