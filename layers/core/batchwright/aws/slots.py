"""Places of which there are only so many, in the state table: one item a resource, swapped whole."""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from batchwright.aws.faults import exceptions_of, told
from batchwright.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KIND = "slots#"
WHAT = "places of a resource"
# Who meets others at an item tries again; with full jitter a crowd is through in some seconds.
ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
# An item is forgotten so long after the last of its places would be free.
LIFE = timedelta(days=1)

type Held = dict[str, float]
"""Until when each holder has its place, in seconds since 1970."""


class DynamoDBSlots:
    """Who holds which place, in DynamoDB."""

    def __init__(
        self, client: "DynamoDBClient", table: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        """``table`` has the key ``id``, and forgets by the attribute ``expiration``."""
        self._dynamodb = client
        self._exceptions = exceptions_of(client)
        self._table = table
        self._clock = clock

    def take(self, resource: str, holder: str, *, limit: int, until: float) -> bool:
        """Take a place, or hold it for longer."""

        def taken(held: Held) -> Held | None:
            full = holder not in held and len(held) >= limit
            return None if full else {**held, holder: until}

        return self._swap(resource, taken)

    def give(self, resource: str, holder: str) -> None:
        """Give the place back."""

        def given(held: Held) -> Held | None:
            kept = {name: until for name, until in held.items() if name != holder}
            return None if len(kept) == len(held) else kept

        self._swap(resource, given)

    def held(self, resource: str) -> frozenset[str]:
        """Return who holds a place."""
        now = self._clock()
        return frozenset(name for name, until in self._read(resource)[1].items() if until > now)

    def _swap(self, resource: str, change: Callable[[Held], Held | None]) -> bool:
        """Put what ``change`` makes of the places that are held; ``False`` where it makes nothing."""
        for attempt in range(ATTEMPTS):
            if attempt:
                longest = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
                time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter is no secret
            version, held = self._read(resource)
            now = self._clock()
            after = change({name: until for name, until in held.items() if until > now})
            if after is None:
                return False
            if self._put(resource, version, after, now):
                return True
        raise Unavailable(f"{WHAT}: {ATTEMPTS} writes met others")

    def _read(self, resource: str) -> tuple[int, Held]:
        with told(WHAT):
            found: Any = self._dynamodb.get_item(
                TableName=self._table, Key=_key(resource), ConsistentRead=True
            )
        item = found.get("Item", {})
        held = {name: float(value["N"]) for name, value in item.get("held", {"M": {}})["M"].items()}
        return int(item.get("version", {"N": "0"})["N"]), held

    def _put(self, resource: str, version: int, held: Held, now: float) -> bool:
        ends = max([now, *held.values()]) + LIFE.total_seconds()
        item: Any = {
            **_key(resource),
            "version": {"N": str(version + 1)},
            "held": {"M": {name: {"N": f"{until:.3f}"} for name, until in held.items()}},
            "expiration": {"N": str(int(ends))},
        }
        try:
            with told(WHAT):
                self._dynamodb.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(id) OR version = :version",
                    ExpressionAttributeValues={":version": {"N": str(version)}},
                )
        except self._exceptions.ConditionalCheckFailedException:
            return False
        return True


def _key(resource: str) -> Any:
    return {"id": {"S": KIND + resource}}
