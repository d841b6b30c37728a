"""The table of jobs: a row a job, and a row a chunk for who watches."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from batchwright.aws.faults import told
from batchwright.job import FINAL, JobRow, Reason, Status
from batchwright.outcome import Tally, tally_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JOB = "job"
STOP = "stop"
CHUNK = "chunk#"
STATUS_INDEX = "status-index"
# As long as the results are kept: a job whose results are gone must not stand in the way of a new one.
ROW_LIFE = timedelta(days=90)

_write = TypeSerializer().serialize
_read = TypeDeserializer().deserialize


class DynamoDBJobs:
    """The table of jobs in DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, *, life: timedelta = ROW_LIFE) -> None:
        """``table`` has the keys ``job_id`` and ``sk``, and the index ``status-index``."""
        self._dynamodb = client
        self._table = table
        self._life = life

    def add(self, row: JobRow) -> bool:
        """Write a new job's row."""
        return self._put(self._item(row), "attribute_not_exists(job_id)", {}, {})

    def get(self, job_id: str) -> JobRow | None:
        """Return a job's row."""
        item = self._get(job_id, JOB)
        return _row(item) if item else None

    def change(self, row: JobRow) -> bool:
        """Replace a job's row, unless the job has ended."""
        final = {f":{status.value}": {"S": status.value} for status in FINAL}
        return self._put(
            self._item(row), f"NOT #status IN ({', '.join(final)})", {"#status": "status"}, final
        )

    def stop(self, job_id: str, reason: Reason) -> None:
        """Note why the job must stop."""
        item = {
            "job_id": job_id,
            "sk": STOP,
            **reason.model_dump(),
            **self._expiry(datetime.now(UTC)),
        }
        self._put(item, "attribute_not_exists(job_id)", {}, {})

    def stop_reason(self, job_id: str) -> Reason | None:
        """Return why the job must stop."""
        item = self._get(job_id, STOP)
        return Reason.model_validate(item) if item else None

    def report_chunk(self, job_id: str, chunk: int, segments: int, tally: Tally) -> None:
        """Note how far a chunk has come."""
        item = {
            "job_id": job_id,
            "sk": f"{CHUNK}{chunk:06d}",
            "segments": segments,
            "tally": orjson.dumps(tally.to_json()).decode(),
            **self._expiry(datetime.now(UTC)),
        }
        condition = "attribute_not_exists(#segments) OR #segments <= :segments"
        values = {":segments": {"N": str(segments)}}
        self._put(item, condition, {"#segments": "segments"}, values)

    def progress(self, job_id: str) -> Tally:
        """Return what all chunks of a job have reported."""
        return tally_of(
            Tally.from_json(orjson.loads(item["tally"])) for item in self._chunks(job_id)
        )

    def recent(self, limit: int) -> list[JobRow]:
        """Return the newest jobs."""
        rows = [row for status in Status for row in self._of_status(status, limit)]
        return sorted(rows, key=lambda row: row.created_at, reverse=True)[:limit]

    def _of_status(self, status: Status, limit: int) -> Iterator[JobRow]:
        with told("query of the jobs table"):
            found = self._dynamodb.query(
                TableName=self._table,
                IndexName=STATUS_INDEX,
                KeyConditionExpression="#status = :status",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":status": {"S": status.value}},
                ScanIndexForward=False,
                Limit=limit,
            )
        for item in found["Items"]:
            yield _row(_plain(item))

    def _chunks(self, job_id: str) -> Iterator[dict[str, Any]]:
        with told("query of the jobs table"):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="job_id = :job_id AND begins_with(sk, :chunk)",
                ExpressionAttributeValues={":job_id": {"S": job_id}, ":chunk": {"S": CHUNK}},
            )
            for page in pages:
                for item in page["Items"]:
                    yield _plain(item)

    def _item(self, row: JobRow) -> dict[str, Any]:
        return {**_item(row), **self._expiry(datetime.fromisoformat(row.created_at))}

    def _expiry(self, start: datetime) -> dict[str, int]:
        return {"expires_at": int((start + self._life).timestamp())}

    def _get(self, job_id: str, sk: str) -> dict[str, Any] | None:
        with told("read of the jobs table"):
            found = self._dynamodb.get_item(
                TableName=self._table,
                Key={"job_id": {"S": job_id}, "sk": {"S": sk}},
                ConsistentRead=True,
            )
        return _plain(found["Item"]) if "Item" in found else None

    def _put(
        self, item: dict[str, Any], condition: str, names: dict[str, str], values: dict[str, Any]
    ) -> bool:
        extra: dict[str, Any] = {}
        if names:
            extra["ExpressionAttributeNames"] = names
        if values:
            extra["ExpressionAttributeValues"] = values
        try:
            with told("write to the jobs table"):
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item={name: _write(value) for name, value in item.items()},
                    ConditionExpression=condition,
                    **extra,
                )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _item(row: JobRow) -> dict[str, Any]:
    # What is only ever shown travels as JSON: DynamoDB's decimals would not come back as they went.
    shown = {
        "tally": row.tally.to_json(),
        "reason": row.reason.model_dump() if row.reason else None,
        "estimate": row.estimate,
        "results": row.results,
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
        "shown": orjson.dumps(shown).decode(),
    }
    return {name: value for name, value in item.items() if value is not None}


def _row(item: dict[str, Any]) -> JobRow:
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
    )


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(_read(value)) for name, value in item.items()}


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, Decimal) else value
