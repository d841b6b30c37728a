"""How long a service wants callers to wait, in the words of HTTP's ``Retry-After`` (RFC 9110, 10.2.3)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def seconds_of(written: str, answered_at: str = "") -> float | None:
    """Return the seconds of a number or of a date; a date counts from the answer's own ``Date``, whose clock it is by.

    >>> seconds_of("30"), seconds_of("1.5"), seconds_of("soon"), seconds_of("-1"), seconds_of("inf")
    (30.0, 1.5, None, None, None)
    >>> seconds_of("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT")
    30.0
    """
    if NUMBER.fullmatch(written):
        return float(written)
    until, now = _date(written), _date(answered_at)
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def _date(written: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(written)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
