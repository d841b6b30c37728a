"""What a route's calls cost: at the price that its contract says, or at that of the tables."""

from batchwright.money import most_billionths, spent_billionths
from batchwright.prices import lane_cost_usd, tier_cost_usd
from batchwright.request import Request
from batchwright.route import Route
from batchwright.usage import Usage

ON_DEMAND = "on_demand"
MILLION = 1_000_000


def cost_usd_of(route: Route, usage: Usage, tier: str | None = None) -> float | None:
    """Return what a call has cost in USD, ``None`` where that is not known; ``tier`` is the one that answered.

    >>> from batchwright.prices import Price
    >>> own = Route(engine="openai", model="m", base_url="https://h/v1", price=Price(input=0.5, output=2))
    >>> cost_usd_of(own, Usage(input_tokens=1_000_000, output_tokens=1_000_000))
    2.5
    """
    if route.price is None:
        return tier_cost_usd(tier or route.tier, route.listed, usage)
    read = usage.input_tokens + usage.cached_tokens
    millionths = read * route.price.input + usage.output_tokens * route.price.output
    return round(millionths / MILLION, 12)


def lane_cost_usd_of(lane: str, route: Route, usage: Usage) -> float | None:
    """Return what usage costs in a lane, ``None`` where the price, or the lane for the model, is not known."""
    if route.price is None:
        return lane_cost_usd(lane, route.listed, usage)
    return cost_usd_of(route, usage) if lane == ON_DEMAND else None


def most_of(request: Request, route: Route) -> int | None:
    """Return what a call costs at most in billionths of a dollar, ``None`` where that is not known."""
    return most_billionths(request, route.listed, route.price)


def spent_of(route: Route, usage: Usage) -> int | None:
    """Return what a call has cost at most in billionths of a dollar, ``None`` where that is not known."""
    return spent_billionths(route.listed, usage, route.price)
