"""The ledger's table: its head, its entries, and what stands there already.

An entry, the head that follows from it, and the mark that keeps it from coming twice are one transaction: who finds
the head changed tries again from there
(docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
"""

import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from batchwright.aws.faults import exceptions_of, told
from batchwright.errors import LogBroken, Unavailable
from batchwright.ledger import Appended, Entry, Head

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HEAD, ENTRY, ONCE = "head", "entry", "once#"
# Of jobs that end at the same moment one comes first; with full jitter a crowd is through in some seconds.
ATTEMPTS = 25
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
REFUSED = {
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}
WHAT = "write to the ledger"


class DynamoDBLedger:
    """The ledger, in DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """``table`` has the keys ``log`` and ``sequence``."""
        self._dynamodb = client
        self._exceptions = exceptions_of(client)
        self._table = table

    def append(self, entry: Entry) -> Appended:
        """Add an entry, once."""
        for attempt in range(ATTEMPTS):
            head = self.head()
            after, appended = head.with_entry(entry.content())
            if self._written(entry, head, after, appended):
                return appended
            if (standing := self._standing(entry)) is not None:
                return standing
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)))  # noqa: S311 - jitter
        raise Unavailable(f"{WHAT}: others were faster {ATTEMPTS} times")

    def head(self) -> Head:
        """Return how far the log has come."""
        item = self._item(HEAD, 0)
        if item is None:
            return Head()
        edge = tuple(bytes(level["B"]) for level in item["edge"]["L"])
        return Head(size=int(item["size"]["N"]), edge=edge)

    def entries(self, *, since: int = 0) -> Iterator[Appended]:
        """Yield the entries in order."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "#log = :entry AND #sequence >= :since",
            "ExpressionAttributeNames": {"#log": "log", "#sequence": "sequence"},
            "ExpressionAttributeValues": {":entry": {"S": ENTRY}, ":since": {"N": str(since)}},
        }
        while True:
            with told("read of the ledger"):
                page = self._dynamodb.query(**query)
            yield from map(_read, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _written(self, entry: Entry, head: Head, after: Head, appended: Appended) -> bool:
        new = "attribute_not_exists(#log)"
        grown = self._put(
            HEAD,
            0,
            {"size": _number(after.size), "edge": {"L": [{"B": level} for level in after.edge]}},
            new,
        )
        if head.size:
            grown["Put"] |= {
                "ConditionExpression": "#size = :size",
                "ExpressionAttributeNames": {"#size": "size"},
                "ExpressionAttributeValues": {":size": _number(head.size)},
            }
        number = {"number": _number(appended.number)}
        writes = [
            grown,
            self._put(ENTRY, appended.number, _item_of(appended), new),
            self._put(ONCE + entry.once, 0, number, new),
        ]
        try:
            with told(WHAT):
                self._dynamodb.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
        except self._exceptions.TransactionCanceledException as fault:
            reasons = {
                reason.get("Code") for reason in fault.response.get("CancellationReasons", [])
            }
            if reasons & REFUSED:
                return False
            raise
        return True

    def _put(self, log: str, sequence: int, item: dict[str, Any], condition: str) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": {"log": {"S": log}, "sequence": _number(sequence), **item},
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {"#log": "log"},
            }
        }

    def _standing(self, entry: Entry) -> Appended | None:
        mark = self._item(ONCE + entry.once, 0)
        if mark is None:
            return None
        item = self._item(ENTRY, int(mark["number"]["N"]))
        if item is None:
            raise LogBroken(f"the ledger lacks its entry {mark['number']['N']}")
        return _read(item)

    def _item(self, log: str, sequence: int) -> dict[str, Any] | None:
        with told("read of the ledger"):
            found = self._dynamodb.get_item(
                TableName=self._table,
                Key={"log": {"S": log}, "sequence": {"N": str(sequence)}},
                ConsistentRead=True,
            )
        return found.get("Item")


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _item_of(appended: Appended) -> dict[str, Any]:
    return {
        "content": {"S": appended.content.decode()},
        "root": {"B": appended.root},
        "proof": {"L": [{"B": each} for each in appended.proof]},
    }


def _read(item: dict[str, Any]) -> Appended:
    return Appended(
        number=int(item["sequence"]["N"]),
        content=item["content"]["S"].encode(),
        root=bytes(item["root"]["B"]),
        proof=tuple(bytes(each["B"]) for each in item["proof"]["L"]),
    )
