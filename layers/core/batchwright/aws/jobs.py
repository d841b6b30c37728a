"""The table of jobs: a row a job, and a row a chunk for who watches."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from batchwright.aws.faults import exceptions_of, told
from batchwright.aws.rows import (
    CHUNK,
    DUES,
    JOB,
    STOP,
    due_key,
    due_of,
    item_of,
    item_of_due,
    read,
    row_of,
    seconds,
    sort_key,
    written,
)
from batchwright.job import WAY, JobRow, Reason, Status, may_become, timestamp
from batchwright.outcome import Tally, tally_of
from batchwright.retention import Due

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATUS_INDEX = "status-index"
# As long as the results are kept: a job whose results are gone must not stand in the way of a new one.
ROW_LIFE = timedelta(days=90)


class DynamoDBJobs:
    """The table of jobs in DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, *, life: timedelta = ROW_LIFE) -> None:
        """``table`` has the keys ``job_id`` and ``sk``, and the index ``status-index``."""
        self._dynamodb = client
        self._exceptions = exceptions_of(client)
        self._table = table
        self._life = life

    def add(self, row: JobRow) -> bool:
        """Write a new job's row."""
        return self._put_free(self._item(row))

    def get(self, job_id: str) -> JobRow | None:
        """Return a job's row."""
        item = self._get(job_id, JOB)
        return row_of(item) if item else None

    def change(self, row: JobRow) -> bool:
        """Replace a job's row, unless the job is further than that."""
        return self._replace(row, may_become(row.status), row.redrives)

    def reopen(self, row: JobRow) -> bool:
        """Replace the row of a job that has ended by that of its next redrive."""
        ended = frozenset(status for status in Status if status.final)
        return self._replace(row, ended, row.redrives - 1)

    def stop(self, job_id: str, reason: Reason, *, redrive: int = 0) -> None:
        """Note why the job must stop."""
        item = {
            "job_id": job_id,
            "sk": sort_key(STOP, redrive),
            **reason.model_dump(),
            **self._expiry(datetime.now(UTC)),
        }
        self._put_free(item)

    def stop_reason(self, job_id: str, *, redrive: int = 0) -> Reason | None:
        """Return why the job must stop."""
        item = self._get(job_id, sort_key(STOP, redrive))
        return Reason.model_validate(item) if item else None

    def report_chunk(
        self, job_id: str, chunk: int, segments: int, tally: Tally, *, redrive: int = 0
    ) -> None:
        """Note how far a chunk has come."""
        now = datetime.now(UTC)
        item = {
            "job_id": job_id,
            "sk": sort_key(f"{CHUNK}{chunk:06d}", redrive),
            "segments": segments,
            "tally": orjson.dumps(tally.to_json()).decode(),
            "reported_at": timestamp(now),
            **self._expiry(now),
        }
        self._put_free(item, ("segments", segments))

    def progress(self, job_id: str, *, redrive: int = 0) -> Tally:
        """Return what all chunks of a job have reported."""
        return tally_of(
            Tally.from_json(orjson.loads(item["tally"])) for item in self._chunks(job_id, redrive)
        )

    def reported_at(self, job_id: str, *, redrive: int = 0) -> datetime | None:
        """Return when a chunk of the job reported last."""
        times = (item.get("reported_at") for item in self._chunks(job_id, redrive))
        newest = max((time for time in times if time), default=None)
        return datetime.fromisoformat(newest) if newest else None

    def unended(self) -> Iterator[JobRow]:
        """Yield the jobs that have not ended."""
        for status in WAY:
            yield from self._of_status(status)

    def recent(self, limit: int) -> list[JobRow]:
        """Return the newest jobs."""
        rows: dict[str, JobRow] = {}
        for status in Status:
            for row in self._of_status(status, newest=limit):
                # A job that moves on meanwhile is found twice, and the statuses come in the order of its way.
                if row.job_id not in rows or rows[row.job_id].redrives <= row.redrives:
                    rows[row.job_id] = row
        return sorted(rows.values(), key=lambda row: row.created_at, reverse=True)[:limit]

    def add_due(self, due: Due) -> None:
        """Note what is to be deleted of a job."""
        with told("write to the jobs table"):
            self._dynamodb.put_item(TableName=self._table, Item=written(item_of_due(due)))

    def due(self, now: datetime) -> Iterator[Due]:
        """Yield what is to be deleted by now."""
        with told("query of the jobs table"):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="job_id = :dues AND sk < :behind",
                ExpressionAttributeValues={
                    ":dues": {"S": DUES},
                    ":behind": {"S": f"{timestamp(now)}$"},  # the sign behind #
                },
            )
            for page in pages:
                yield from (due_of(read(item)) for item in page["Items"])

    def settle_due(self, due: Due) -> None:
        """Take a note away."""
        with told("delete in the jobs table"):
            self._dynamodb.delete_item(TableName=self._table, Key=written(due_key(due)))

    def _of_status(self, status: Status, *, newest: int | None = None) -> Iterator[JobRow]:
        with told("query of the jobs table"):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                ScanIndexForward=newest is None,
                PaginationConfig={} if newest is None else {"MaxItems": newest, "PageSize": newest},
                **_of_status(status),
            )
            for page in pages:
                for item in page["Items"]:
                    yield row_of(read(item))

    def _replace(self, row: JobRow, standing: frozenset[Status], redrives: int) -> bool:
        statuses = {f":{status.value}": {"S": status.value} for status in standing}
        condition = f"#status IN ({', '.join(sorted(statuses))}) AND "
        condition += "redrives = :redrives" if redrives else "attribute_not_exists(redrives)"
        values = {":redrives": {"N": str(redrives)}} if redrives else {}
        return self._put(self._item(row), condition, {"#status": "status"}, statuses | values)

    def _chunks(self, job_id: str, redrive: int) -> Iterator[dict[str, Any]]:
        with told("query of the jobs table"):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="job_id = :job_id AND begins_with(sk, :chunk)",
                ExpressionAttributeValues={
                    ":job_id": {"S": job_id},
                    ":chunk": {"S": sort_key(CHUNK, redrive)},
                },
            )
            for page in pages:
                yield from filter(_stands, map(read, page["Items"]))

    def _item(self, row: JobRow) -> dict[str, Any]:
        return {**item_of(row), **self._expiry(datetime.fromisoformat(row.updated_at))}

    def _expiry(self, start: datetime) -> dict[str, int]:
        return {"expires_at": seconds(start + self._life)}

    def _get(self, job_id: str, sk: str) -> dict[str, Any] | None:
        with told("read of the jobs table"):
            found = self._dynamodb.get_item(
                TableName=self._table,
                Key={"job_id": {"S": job_id}, "sk": {"S": sk}},
                ConsistentRead=True,
            )
        item = read(found.get("Item", {}))
        return item if _stands(item) else None

    def _put_free(self, item: dict[str, Any], newer: tuple[str, int] | None = None) -> bool:
        """Write an item where none stands, or one whose number of that name is no larger."""
        condition = "attribute_not_exists(job_id) OR expires_at <= :now"
        names, values = {}, {":now": {"N": str(seconds(datetime.now(UTC)))}}
        if newer is not None:
            condition += " OR #number <= :number"
            names = {"#number": newer[0]}
            values[":number"] = {"N": str(newer[1])}
        return self._put(item, condition, names, values)

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
                    Item=written(item),
                    ConditionExpression=condition,
                    **extra,
                )
        except self._exceptions.ConditionalCheckFailedException:
            return False
        return True


def _stands(item: dict[str, Any]) -> bool:
    """Whether there is an item; DynamoDB deletes those whose time is over within days, and shows them until then.

    (docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html)
    """
    return bool(item) and item["expires_at"] > seconds(datetime.now(UTC))


def _of_status(status: Status) -> Any:
    return {
        "IndexName": STATUS_INDEX,
        "KeyConditionExpression": "#status = :status",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":status": {"S": status.value}},
    }
