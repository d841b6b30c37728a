"""How submissions stand, in the state table: one item each, changed by conditional updates."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from batchwright.aws.faults import exceptions_of, member, told
from batchwright.errors import Missing
from batchwright.ports import Clock
from batchwright.submission import SubmissionRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KIND = "submission#"
WHAT = "row of a submission"
# Where a name of ours is a word of DynamoDB's own.
TOKEN = {"#token": "token"}


class DynamoDBSubmissions:
    """The rows of submissions, in DynamoDB."""

    def __init__(
        self, client: "DynamoDBClient", table: str, *, life: timedelta, clock: Clock
    ) -> None:
        """``table`` has the key ``id``, and forgets by the attribute ``expiration``: ``life`` after a change."""
        self._dynamodb = client
        self._exceptions = exceptions_of(client)
        self._table = table
        self._life = life
        self._clock = clock

    def add(self, row: SubmissionRow) -> SubmissionRow:
        """Write a row, unless it stands."""
        item: Any = {
            **_key(row.name),
            "records": {"N": str(row.records)},
            "reserved": {"N": str(row.reserved)},
            "expiration": self._expiration(),
        }
        try:
            with told(WHAT):
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(id)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except self._exceptions.ConditionalCheckFailedException as fault:
            # The stubs do not know that the item is there.
            found: dict[str, Any] = {**fault.response}
            return _standing(row.name, found["Item"])
        return row

    def get(self, name: str) -> SubmissionRow | None:
        """Return a row as it stands."""
        with told(WHAT):
            found = self._dynamodb.get_item(
                TableName=self._table, Key=_key(name), ConsistentRead=True
            )
        return _standing(name, found["Item"]) if "Item" in found else None

    def started(self, name: str, place: str) -> None:
        """Note what the service calls it."""
        self._change(name, "SET place = :place", {":place": {"S": place}})

    def register(self, name: str, token: str) -> SubmissionRow:
        """Note which task waits."""
        row = self._change(name, "SET #token = :token", {":token": {"S": token}}, TOKEN)
        if row is None:
            raise Missing(f"submission {name} has no row")
        return row

    def arrived(self, name: str, indexes: Iterable[int]) -> SubmissionRow | None:
        """Note records whose answers were announced."""
        numbers = [str(index) for index in indexes]
        return self._change(name, "ADD arrived :new", {":new": {"NS": numbers}})

    def ended(self, name: str) -> SubmissionRow | None:
        """Note that it is over."""
        return self._change(name, "SET ended = :yes", {":yes": {"BOOL": True}})

    def _change(
        self, name: str, change: str, values: dict[str, Any], names: dict[str, str] | None = None
    ) -> SubmissionRow | None:
        """Change a row that stands; return it as it is then, ``None`` where there is none."""
        verb, _, rest = change.partition(" ")
        expires = "expiration = :expiration"
        update = f"SET {rest}, {expires}" if verb == "SET" else f"SET {expires} {change}"
        words: Any = {"ExpressionAttributeNames": names} if names else {}
        try:
            with told(WHAT):
                changed = self._dynamodb.update_item(
                    TableName=self._table,
                    Key=_key(name),
                    UpdateExpression=update,
                    ConditionExpression="attribute_exists(id)",
                    ExpressionAttributeValues={**values, ":expiration": self._expiration()},
                    ReturnValues="ALL_NEW",
                    **words,
                )
        except self._exceptions.ConditionalCheckFailedException:
            return None
        return _standing(name, member(changed, "Attributes", f"change of a {WHAT}"))

    def _expiration(self) -> Any:
        return {"N": str(int((self._clock.now() + self._life).timestamp()))}


def _key(name: str) -> Any:
    return {"id": {"S": KIND + name}}


def _standing(name: str, item: Any) -> SubmissionRow:
    return SubmissionRow(
        name=name,
        records=int(item["records"]["N"]),
        reserved=int(item["reserved"]["N"]),
        place=item.get("place", {}).get("S"),
        token=item.get("token", {}).get("S"),
        ended=item.get("ended", {}).get("BOOL", False),
        arrived=frozenset(map(int, item.get("arrived", {}).get("NS", ()))),
    )
