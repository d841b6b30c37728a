"""The table of jobs as items: a job's row, a chunk's report, the reason of a stop, and what is due to be deleted."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from batchwright.job import JobRow, Reason, Redrive, Status, timestamp
from batchwright.outcome import Tally
from batchwright.retention import Due

JOB = "job"
STOP = "stop"
CHUNK = "chunk#"
REDRIVE = "redrive#"
# No job has this id. What is due stands together, in the order of time.
DUES = "dues"
# So long somebody has to find out why nothing was deleted, before the notes go, too.
DUE_LIFE = timedelta(days=365)

_write = TypeSerializer().serialize
_read = TypeDeserializer().deserialize


def written(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as DynamoDB takes it."""
    return {name: _write(value) for name, value in item.items()}


def read(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item that came from DynamoDB; its numbers are whole."""
    return {name: _whole(_read(value)) for name, value in item.items()}


def seconds(time: datetime) -> int:
    """Return a time as the table's time to live has it."""
    return int(time.timestamp())


def sort_key(name: str, redrive: int) -> str:
    """Return where an item of a job's run stands.

    >>> sort_key("stop", 0), sort_key("stop", 3)
    ('stop', 'redrive#03#stop')
    """
    return f"{REDRIVE}{redrive:02d}#{name}" if redrive else name


def due_key(due: Due) -> dict[str, str]:
    """Return where it is noted that something is to be deleted."""
    return {"job_id": DUES, "sk": f"{timestamp(due.at)}#{due.job_id}#{due.what}"}


def item_of_due(due: Due) -> dict[str, Any]:
    """Return that note."""
    return {
        **due_key(due),
        "of": due.job_id,
        "what": due.what,
        "redrives": due.redrives,
        "ended_at": due.ended_at,
        "at": timestamp(due.at),
        "looked_up": due.looked_up,
        "expires_at": seconds(due.at + DUE_LIFE),
    }


def due_of(item: dict[str, Any]) -> Due:
    """Return what an item notes."""
    at = datetime.fromisoformat(item["at"])
    looked_up = item.get("looked_up", 0)
    return Due(item["of"], item["what"], item["redrives"], item["ended_at"], at, looked_up)


def item_of(row: JobRow) -> dict[str, Any]:
    """Return a job's row as an item, without its time to live."""
    # What is only ever shown travels as JSON: DynamoDB's decimals would not come back as they went.
    shown = {
        "tally": row.tally.to_json(),
        "reason": row.reason.model_dump() if row.reason else None,
        "estimate": row.estimate,
        "results": row.results,
        "lane": row.lane,
        "lane_reason": row.lane_reason,
        "redrive": row.redrive.model_dump(mode="json") if row.redrive else None,
    }
    item = {
        "job_id": row.job_id,
        "sk": JOB,
        "status": row.status.value,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "contract": row.contract,
        "contract_digest": row.contract_digest,
        "input": row.input,
        "total": row.total,
        "chunks": row.chunks,
        "problems": row.problems,
        "redrives": row.redrives or None,
        "shown": orjson.dumps(shown).decode(),
    }
    return {name: value for name, value in item.items() if value is not None}


def row_of(item: dict[str, Any]) -> JobRow:
    """Return the row that an item is."""
    shown = orjson.loads(item["shown"])
    return JobRow(
        job_id=item["job_id"],
        status=Status(item["status"]),
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        contract=item["contract"],
        contract_digest=item.get("contract_digest"),
        input=item.get("input"),
        total=int(item["total"]),
        chunks=int(item["chunks"]),
        problems=int(item["problems"]),
        tally=Tally.from_json(shown["tally"]),
        reason=Reason.model_validate(shown["reason"]) if shown["reason"] else None,
        estimate=shown["estimate"],
        results=shown["results"],
        lane=shown.get("lane"),
        lane_reason=shown.get("lane_reason"),
        redrive=Redrive.model_validate(shown["redrive"]) if shown.get("redrive") else None,
    )


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value
