"""What all parts of a contract have in common: an unknown field is a fault, and no fault quotes what was written."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

# Minutes, hours or days.
SPAN = r"^[1-9][0-9]{0,5}[mhd]$"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Written(BaseModel):
    """A part of a contract, as its author wrote it."""

    # Deferred: of all parts only the whole contract is ever built, once. That takes half the time, at every cold start.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )


def span(written: str) -> timedelta:
    """Return a span of time that contracts write with its unit.

    >>> span("90m") == timedelta(hours=1.5)
    True
    """
    return timedelta(**{_UNITS[written[-1]]: int(written[:-1])})
