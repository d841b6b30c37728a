"""boto3 in threads behind zae-limiter, which keeps a shared token bucket in DynamoDB.

Its own template does not deploy on the laptop cloud; the table is made as it makes it, without its aggregator, which
only sums up. It is told the limit, and reserves and adjusts tokens as its documentation shows.
"""

import time
from collections.abc import Callable

from zae_limiter import Limit, RateLimitExceeded, SyncRateLimiter, SyncRepository

from tests.bench.clients.boto3_threads import Unanswered, opened
from tests.bench.clients.errand import (
    REGION,
    TOKENS,
    Errand,
    Permits,
    Report,
    asked_by_threads,
    carry_out,
)
from tests.bench.clients.wire import Wire


def prepare(errand: Errand) -> Callable[[], Report]:
    wire, permits = Wire(), Permits()
    repository = SyncRepository("limits", REGION, _skip_deprecation_warning=True)
    repository.create_table()
    limiter = SyncRateLimiter(repository=repository)
    ask = opened(errand)
    kind, reserved = ("rpm", 1) if errand.rpm else ("tpm", TOKENS + errand.max_tokens)
    limit = errand.rpm or errand.tpm
    assert limit is not None
    # By itself it would let a whole minute's requests go at once; the host's bucket holds a second's.
    burst = limit // 60 if errand.rpm else limit
    limits = [Limit.per_minute(kind, limit, burst=burst)]

    def answered(text: str) -> bool:
        while True:
            try:
                with limiter.acquire("workers", "model", {kind: reserved}, limits=limits) as lease:
                    permits.take()
                    used = ask(text)
                    if kind == "tpm":
                        lease.adjust(tpm=used - reserved)
                    return True
            except RateLimitExceeded as refused:
                time.sleep(refused.retry_after_seconds)
            except Unanswered:
                return False

    def ask_all() -> Report:
        wire.step = "ask"
        total = asked_by_threads(errand, answered)
        return {"answered": total, "writes": wire.writes("dynamodb"), **permits.report()}

    return ask_all


if __name__ == "__main__":
    carry_out(prepare)
