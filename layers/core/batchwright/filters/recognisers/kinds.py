"""All kinds of personal data, and what finds them."""

from collections.abc import Callable, Iterable, Sequence

from batchwright.filters.recognisers.americas import AMERICAS
from batchwright.filters.recognisers.asia_pacific import ASIA_PACIFIC
from batchwright.filters.recognisers.cards import CARDS
from batchwright.filters.recognisers.emails import Emails
from batchwright.filters.recognisers.europe import EUROPE
from batchwright.filters.recognisers.ibans import Ibans
from batchwright.filters.recognisers.network import Addresses
from batchwright.filters.recognisers.numbers import Number, Numbers
from batchwright.filters.recognisers.own import Own, OwnRecogniser
from batchwright.filters.recognisers.phones import Phones
from batchwright.filters.recognisers.recogniser import Recogniser

NUMBERS: tuple[Number, ...] = (*CARDS, *AMERICAS, *EUROPE, *ASIA_PACIFIC)
"""Kinds that are told by their shape."""
OTHERS: dict[str, Callable[[], Recogniser]] = {"email": Emails, "iban": Ibans, "ip": Addresses}
"""Kinds that have a recogniser of their own."""
KINDS = frozenset((*(number.kind for number in NUMBERS), *OTHERS, "phone"))
# What has neither a check digit nor a shape of its own is told by the word beside it alone.
PRECISE = KINDS - {"us_driver_licence", "us_passport"}


def recognisers(
    kinds: Iterable[str], regions: Sequence[str], own: Iterable[OwnRecogniser]
) -> list[Recogniser]:
    """Return what finds these kinds; phones last, which are what nothing else is."""
    wanted = {*kinds}
    made: list[Recogniser] = [make() for kind, make in OTHERS.items() if kind in wanted]
    if numbers := [number for number in NUMBERS if number.kind in wanted]:
        made.append(Numbers(numbers))
    made += [Own(each) for each in own]
    if "phone" in wanted:
        made.append(Phones(regions))
    return made
