"""How a model stands, as the workers tell each other: its circuit is open while it is down, and else closed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of a model; without a word it is taken to answer."""

    opened_at: int | None = None
    """When it was found down, in seconds since 1970."""
    failures: int = 0
    """How many calls in a row found it down, as who told it has counted."""
    holder: str | None = None
    """Who tries now whether it is back: the circuit is half open."""
