"""What a job may spend, and what it has spent: in whole billionths of a dollar, so that sums come out."""

from dataclasses import dataclass

BILLIONTHS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A job's money, in billionths of a dollar."""

    spent: int = 0
    reserved: int = 0
    """Set aside for calls whose cost is not known yet; what a killed worker had set aside stays here."""
