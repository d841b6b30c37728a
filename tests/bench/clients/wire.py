"""Every request that the functions' clients send, counted as it leaves."""

from collections import Counter
from typing import Any

import orjson

from batchwright.aws.sessions import session
from tests.bench.clients.errand import STATE_TABLE

# Where the logs of chunks lie.
CHUNKS = "chunks"
READS = ("BatchGet", "Describe", "Get", "List", "Query", "Scan")


class Wire:
    """Counts the requests of the common session's clients that are made after it, those sent again, too.

    Filters, secrets and endpoints have sessions of their own: of a job with those it does not tell all.
    """

    def __init__(self) -> None:
        self.step = ""
        """What is being done; empty: what is sent now does not count."""
        self.requests: Counter[str] = Counter()
        """By step, service and operation; what goes to the logs of chunks, and to the state table, is told apart."""
        session().events.register("before-send", self._count)

    def writes(self, service: str) -> int:
        """Return how many requests were no reads."""
        return sum(
            count
            for name, count in self.requests.items()
            if (sent := name.partition(":")[2]).startswith(f"{service}.")
            and not sent.partition(".")[2].startswith(READS)
        )

    def _count(self, event_name: str, request: Any, **_: Any) -> None:
        if self.step:
            service, operation = event_name.split(".")[1:]
            step = self.step
            if f"/{CHUNKS}/" in request.url:
                step += f".{CHUNKS}"
            elif (
                service == "dynamodb" and orjson.loads(request.body).get("TableName") == STATE_TABLE
            ):
                step += f".{STATE_TABLE}"
            self.requests[f"{step}:{service}.{operation}"] += 1
