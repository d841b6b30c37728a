"""What the records of a job may use, by model: a plan adds it up, limits, lanes and prices are reckoned from it."""

from copy import copy

from msgspec import Struct

from batchwright.charges import ON_DEMAND, lane_cost_usd_of
from batchwright.filters import Filters
from batchwright.finding import Stage
from batchwright.route import Route
from batchwright.usage import Usage


class Total(Struct, kw_only=True):
    """What the records for one model may use: the input guessed, the output at its limit."""

    records: int = 0
    input_tokens: int = 0
    max_output_tokens: int = 0

    def max_cost_usd(self, route: Route) -> float | None:
        """Return what that costs at most, ``None`` where the price is not known."""
        usage = Usage(input_tokens=self.input_tokens, output_tokens=self.max_output_tokens)
        return lane_cost_usd_of(ON_DEMAND, route, usage)


def with_judges(totals: dict[str, Total], filters: Filters) -> dict[str, Total]:
    """Return the totals with what filters ask of second models: of every record once, and all that it may say."""
    found = {model: copy(total) for model, total in totals.items()}
    for stage in Stage:
        for judge in (entry.judge for entry in filters.at(stage) if entry.judge):
            own = found.setdefault(judge.model, Total())
            for total in totals.values():
                reads = total.records * judge.prompt_tokens
                if stage is Stage.OUTPUT:
                    reads += total.max_output_tokens
                if stage is Stage.INPUT or judge.request:
                    reads += total.input_tokens
                own.records += total.records
                own.input_tokens += reads
                own.max_output_tokens += total.records * judge.max_tokens
    return found
