"""The schedules of the models, in the state table: one item a model, changed by one conditional update
(docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html).
"""

from typing import TYPE_CHECKING, Any

from botocore.config import Config

from batchwright.aws.faults import exceptions_of, told
from batchwright.schedule import Change, Item, Span

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Calls wait for a reply: better to go on slowly without one than to wait for long.
QUICK = Config(
    retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=1
)
KIND = "governor#"


class DynamoDBSchedules:
    """How much of each model's limit is given away, in DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """``table`` has the key ``id``, and forgets by the attribute ``expiration``."""
        self._dynamodb = client
        self._exceptions = exceptions_of(client)
        self._table = table

    def read(self, model: str) -> Item:
        """Return the numbers, those of a second ago perhaps: half the price, and what is asked then says so."""
        with told("read of the schedule of a model"):
            found = self._dynamodb.get_item(
                TableName=self._table, Key={"id": {"S": KIND + model}}, ConsistentRead=False
            )
        return _numbers(found.get("Item", {}))

    def exchange(self, model: str, change: Change) -> tuple[bool, Item]:
        """Make a change whole, or not at all."""
        try:
            with told("write to the schedule of a model"):
                changed = self._dynamodb.update_item(
                    TableName=self._table,
                    Key={"id": {"S": KIND + model}},
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **_Words(change).arguments(),
                )
        except self._exceptions.ConditionalCheckFailedException as fault:
            # The stubs do not know that the item is there.
            found: dict[str, Any] = {**fault.response}
            return False, _numbers(found.get("Item", {}))
        return True, _numbers(changed["Attributes"])


class _Words:
    """A change in the words of an update expression: names and numbers stand apart from it."""

    def __init__(self, change: Change) -> None:
        self._words: dict[str, str] = {}
        self._values: dict[str, dict[str, str]] = {}
        actions = {
            "SET": [f"{self._name(name)} = {self._value(n)}" for name, n in change.put.items()],
            "ADD": [f"{self._name(name)} {self._value(n)}" for name, n in change.add.items()],
            "REMOVE": [self._name(name) for name in sorted(change.remove)],
        }
        self._update = " ".join(
            f"{verb} {', '.join(each)}" for verb, each in actions.items() if each
        )
        self._condition = " AND ".join(self._lies(*each) for each in change.within.items())

    def arguments(self) -> Any:
        """Return what goes with the call; what is empty must not be there."""
        arguments = {
            "UpdateExpression": self._update,
            "ConditionExpression": self._condition,
            "ExpressionAttributeNames": {word: name for name, word in self._words.items()},
            "ExpressionAttributeValues": self._values,
        }
        return {name: argument for name, argument in arguments.items() if argument}

    def _lies(self, name: str, span: Span) -> str:
        (low, high), word = span, self._name(name)
        if low is None:
            return f"(attribute_not_exists({word}) OR {word} <= {self._value(high)})"
        return f"{word} BETWEEN {self._value(low)} AND {self._value(high)}"

    def _name(self, name: str) -> str:
        return self._words.setdefault(name, f"#n{len(self._words)}")

    def _value(self, number: int) -> str:
        word = f":v{len(self._values)}"
        self._values[word] = {"N": str(number)}
        return word


def _numbers(item: Any) -> Item:
    return {name: int(value["N"]) for name, value in item.items() if "N" in value}
