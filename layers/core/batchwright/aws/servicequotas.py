"""What AWS grants the account, as Service Quotas lists it (docs.aws.amazon.com/servicequotas/2019-06-24/apireference).

Every Region has its own list, of about a thousand quotas of Bedrock. It is read at the first question and kept for an
hour, by one plan function after the other: quotas change by a support case.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.config import Config

from batchwright.applied import tokens_a_minute

# Planning does not wait for what is only good to know.
BRIEF = Config(
    retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=1, read_timeout=2
)
LONGEST = 5.0
FRESH = 3600.0
# What could not be read is tried again so soon.
AGAIN = 300.0


class ServiceQuotas:
    """The quotas of the account in the client's Region."""

    def __init__(
        self, client: Callable[[], Any], *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """``client`` makes the client, when it is needed; ``seconds`` is a clock that never jumps."""
        self._client = client
        self._seconds = seconds
        self._quotas: dict[str, float] = {}
        self._fresh_until: float | None = None

    def tokens_a_minute(self, model: str) -> int | None:
        """Return what the account may ask of a model, ``None`` where no quota bears its name or none could be read."""
        now = self._seconds()
        if self._fresh_until is None or now >= self._fresh_until:
            whole = self._read(now + LONGEST)
            self._fresh_until = self._seconds() + (FRESH if whole else AGAIN)
        return tokens_a_minute(model, self._quotas)

    def _read(self, until: float) -> bool:
        """Read what there is until it takes too long; return whether that was everything."""
        try:
            for page in self._pages():
                self._quotas.update((each["QuotaName"], each["Value"]) for each in page)
                if self._seconds() >= until:
                    return False
        except Exception:  # noqa: BLE001 - no right to ask, no way there: no job fails for what is only good to know
            return False
        return True

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        pages = self._client().get_paginator("list_service_quotas")
        for page in pages.paginate(ServiceCode="bedrock"):
            yield page["Quotas"]
