"""The money of jobs, in the table of jobs: one item a job that all its workers add to and take from.

A reply may be lost, and botocore then sends the call again; so every change is a transaction with a token, which
DynamoDB takes once in ten minutes
(docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
"""

import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from batchwright.aws.clock import SystemClock
from batchwright.aws.faults import exceptions_of, told
from batchwright.aws.jobs import ROW_LIFE
from batchwright.aws.rows import seconds
from batchwright.digest import digest_of_envelope
from batchwright.errors import Unavailable
from batchwright.money import Money
from batchwright.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MONEY = "money"
# A condition cannot add, so what is spent and reserved is kept as one number, too.
FITS = "attribute_not_exists(committed) OR committed <= :most"
LONGEST_TOKEN = 36
# When money moved is told by the quarter of an hour: a wish that is made again within ten minutes must have the same
# words, which may be those of the quarter before.
QUARTER = timedelta(minutes=15)
# What a name holds is an attribute of its own: few names hold any at once.
HOLD = "hold#"
FREE = "attribute_not_exists(#hold)"
# Transactions on one item that meet are cancelled, all but one; with full jitter a crowd is through in a second or two.
ATTEMPTS = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
WHAT = "write to the money of a job"


class DynamoDBBudgets:
    """What jobs may spend, in DynamoDB."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        life: timedelta = ROW_LIFE,
        clock: Clock | None = None,
    ) -> None:
        """``table`` has the keys ``job_id`` and ``sk``."""
        self._dynamodb = client
        self._exceptions = exceptions_of(client)
        self._table = table
        self._life = life
        self._clock = clock or SystemClock()

    def reserve(self, job_id: str, amount: int, *, limit: int, token: str) -> bool:
        """Set money aside, if it is there."""
        if amount > limit:
            return False
        added = {"committed": amount, "reserved": amount}
        return self._write(job_id, added, _token("reserve", job_id, token), most=limit - amount)

    def settle(self, job_id: str, *, reserved: int, spent: int, token: str) -> None:
        """Give back what was reserved, and book what was spent."""
        added = {"committed": spent - reserved, "reserved": -reserved, "spent": spent}
        self._write(job_id, added, _token("settle", job_id, token))

    def hold(self, job_id: str, amount: int, *, limit: int, name: str) -> int | None:
        """Set money aside under a name, if the name holds none and the money is there."""
        if amount > limit:
            return None
        update = self._update(
            job_id, {"committed": amount, "reserved": amount}, self._quarter(), limit - amount
        )
        standing = self._changed(update, name, "SET #hold = :held,", amount, f"{FREE} AND ({FITS})")
        if standing is None:
            return amount
        found = standing.get(HOLD + name)
        return None if found is None else int(found["N"])

    def release(self, job_id: str, *, held: int, spent: int, name: str) -> None:
        """Give back what a name holds; where it holds none any more, that was done."""
        added = {"committed": spent - held, "reserved": -held, "spent": spent}
        update = self._update(job_id, added, self._quarter())
        self._changed(update, name, "REMOVE #hold SET", held, "#hold = :held")

    def money(self, job_id: str) -> Money:
        """Return what a job has spent and reserved."""
        with told("read of the money of a job"):
            found = self._dynamodb.get_item(
                TableName=self._table, Key=_key(job_id), ConsistentRead=True
            )
        item = found.get("Item", {})
        numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value}
        now = self._clock.now().timestamp()
        moved_by = numbers.get("moved_at", now) + QUARTER.total_seconds()
        return Money(
            spent=numbers.get("spent", 0),
            reserved=numbers.get("reserved", 0),
            held=sum(number for name, number in numbers.items() if name.startswith(HOLD)),
            unmoved=max(0.0, now - moved_by),
        )

    def _write(
        self, job_id: str, added: dict[str, int], token: str, most: int | None = None
    ) -> bool:
        quarter = self._quarter()
        try:
            return self._written(self._update(job_id, added, quarter, most), token)
        except self._exceptions.IdempotentParameterMismatchException:
            # The same token must come with the same words, and they named the quarter before.
            return self._written(self._update(job_id, added, quarter - QUARTER, most), token)

    def _changed(
        self, update: dict[str, Any], name: str, verb: str, held: int, condition: str
    ) -> dict[str, Any] | None:
        """Change what a name holds, ``None``; or return the item whose condition does not hold."""
        wish: Any = {
            **update,
            "UpdateExpression": update["UpdateExpression"].replace("SET", verb, 1),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#hold": HOLD + name},
            "ExpressionAttributeValues": {
                **update["ExpressionAttributeValues"],
                ":held": {"N": str(held)},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        for attempt in range(ATTEMPTS):
            time.sleep(_pause(attempt))
            with told(WHAT):
                try:
                    self._dynamodb.update_item(**wish)
                except self._exceptions.TransactionConflictException:
                    continue
                except self._exceptions.ConditionalCheckFailedException as fault:
                    # The stubs do not know that the item is there.
                    found: dict[str, dict[str, Any]] = {**fault.response}
                    return found.get("Item", {})
                return None
        raise Unavailable(f"{WHAT}: {ATTEMPTS} writes met transactions")

    def _quarter(self) -> datetime:
        now = self._clock.now()
        return now - (now - datetime.min.replace(tzinfo=UTC)) % QUARTER

    def _update(
        self, job_id: str, added: dict[str, int], quarter: datetime, most: int | None = None
    ) -> dict[str, Any]:
        values = {f":{name}": number for name, number in added.items()}
        values[":expires_at"] = seconds(quarter + self._life)
        values[":moved_at"] = seconds(quarter)
        condition: dict[str, Any] = {}
        if most is not None:
            values[":most"] = most
            condition = {"ConditionExpression": FITS}
        adds = ", ".join(f"{name} :{name}" for name in added)
        return {
            "TableName": self._table,
            "Key": _key(job_id),
            "UpdateExpression": f"SET expires_at = :expires_at, moved_at = :moved_at ADD {adds}",
            "ExpressionAttributeValues": {
                name: {"N": str(number)} for name, number in values.items()
            },
            **condition,
        }

    def _written(self, update: Any, token: str) -> bool:
        """Return whether the update's condition held; raises :class:`Unavailable`."""
        for attempt in range(ATTEMPTS):
            time.sleep(_pause(attempt))
            try:
                with told(WHAT):
                    self._dynamodb.transact_write_items(
                        TransactItems=[{"Update": update}], ClientRequestToken=token
                    )
            except self._exceptions.TransactionCanceledException as fault:
                (reason,) = fault.response["CancellationReasons"]
                code = reason.get("Code")
                if code == "ConditionalCheckFailed":
                    return False
                if code not in PASSING:
                    raise
            else:
                return True
        raise Unavailable(f"{WHAT}: {ATTEMPTS} transactions met others")


def _pause(attempt: int) -> float:
    """Return how long to wait before an attempt: full jitter, and nothing before the first."""
    longest = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE) if attempt else 0.0
    return random.uniform(0, longest)  # noqa: S311 - jitter is no secret


def _key(job_id: str) -> Any:
    return {"job_id": {"S": job_id}, "sk": {"S": MONEY}}


def _token(verb: str, job_id: str, token: str) -> str:
    """Return a token of our own length that only the same wish for the same job has."""
    return digest_of_envelope({"wish": verb, "job": job_id, "token": token})[:LONGEST_TOKEN]
