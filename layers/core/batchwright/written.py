"""What all parts of a contract have in common: an unknown field is a fault, and no fault quotes what was written."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

# Minutes, hours or days.
SPAN = r"^[1-9][0-9]{0,5}[mhd]$"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Written(BaseModel):
    """A part of a contract, as its author wrote it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


def span(written: str) -> timedelta:
    """Return a span of time that contracts write with its unit.

    >>> span("90m") == timedelta(hours=1.5)
    True
    """
    return timedelta(**{_UNITS[written[-1]]: int(written[:-1])})
