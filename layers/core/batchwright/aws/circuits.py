"""Which models are down, in the state table: Powertools' items of its circuit breaker, one a model.

Its decorator is for functions that block, so our breakers decide, and it keeps what they tell each other
(docs.aws.amazon.com/powertools/python/latest/utilities/circuit_breaker).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerConfig, CircuitState
from aws_lambda_powertools.utilities.circuit_breaker.persistence import (
    CircuitBreakerDynamoDBPersistence,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence.record import CircuitStateRecord
from botocore.exceptions import ClientError

from batchwright.aws.faults import told
from batchwright.circuit import Circuit
from batchwright.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KIND = "circuit#"
WHAT = "the circuit of a model"
# Who tries whether a model is back has so many seconds, then another worker may.
LEASE = 60


class DynamoDBCircuits:
    """Which models are down, in DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """``table`` has the key ``id``, and forgets by the attribute ``expiration``."""
        self._store = _Store(table_name=table, boto3_client=client)
        self._config = CircuitBreakerConfig(recovery_timeout=LEASE)

    def state(self, model: str) -> Circuit:
        """Return how a model stands."""
        with _reached():
            found = self._store.read(KIND + model)
        if found is None or found.state is CircuitState.CLOSED:
            return Circuit()
        tries = found.state is CircuitState.HALF_OPEN
        held = tries and (found.probe_lease_expiry or 0) > int(time.time())
        holder = found.half_open_owner if held else None
        return Circuit(found.opened_at, found.failure_count, holder)

    def open(self, model: str, *, failures: int, opened_at: int) -> None:
        """Tell that a model is down."""
        with _reached():
            self._store.save_open(self._named(model), failures, opened_at)

    def half_open(self, model: str, holder: str, *, opened_at: int) -> bool:
        """Choose one who tries."""
        with _reached():
            return self._store.try_acquire_half_open(self._named(model), holder, opened_at)

    def open_again(self, model: str, holder: str, *, failures: int, opened_at: int) -> bool:
        """Tell that a model is down still, where the holder is the one that tries."""
        with _reached():
            return self._store.save_held(self._named(model), holder, failures, opened_at)

    def close(self, model: str) -> None:
        """Tell that a model is back."""
        with _reached():
            self._store.save_closed(self._named(model))

    def _named(self, model: str) -> str:
        name = KIND + model
        self._store.configure(self._config, name)
        return name


class _Store(CircuitBreakerDynamoDBPersistence):
    def read(self, name: str) -> CircuitStateRecord | None:
        """Read the table: ``get_state`` says what it read before, and "closed" where there was no answer."""
        return self._get_record(name)

    def save_held(self, name: str, holder: str, failures: int, opened_at: int) -> bool:
        """Open a circuit again: ``save_reopen`` asks not who holds it, and forgets the failures."""
        record = CircuitStateRecord(
            name=name,
            state=CircuitState.OPEN,
            failure_count=failures,
            opened_at=opened_at,
            expiry_timestamp=self._durable_ttl(name),
        )
        update = self._build_update_query(record)
        update["ConditionExpression"] = "#half_open_owner = :holder"
        update["ExpressionAttributeValues"][":holder"] = {"S": holder}
        try:
            self.client.update_item(**update)
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True


@contextmanager
def _reached() -> Iterator[None]:
    """Raise nothing but our own errors: whatever the table says, no call fails for it."""
    try:
        with told(WHAT):
            yield
    except ClientError as fault:
        raise Unavailable(f"{WHAT}: {type(fault).__name__}") from None
