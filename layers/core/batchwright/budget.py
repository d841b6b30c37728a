"""What a contract says of money."""

from typing import Annotated

from pydantic import Field

from batchwright.money import BILLIONTHS
from batchwright.written import Written


class Budget(Written):
    """What a job may cost."""

    usd: Annotated[float, Field(gt=0, le=1_000_000)]

    @property
    def billionths(self) -> int:
        """The same in billionths of a dollar."""
        return round(self.usd * BILLIONTHS)
