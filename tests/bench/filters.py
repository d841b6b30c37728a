"""How much of what is there the pii filter finds, how often it is wrong, and how long all local filters take.

What they are measured on is in ``tests/personal.py``, with other seeds than those the tests have.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, get_args

from batchwright.filters import FilterEntry, FilterSettings, Means, Subject
from batchwright.filters.pii import PiiSettings
from batchwright.filters.recognisers.kinds import KINDS
from batchwright.filters.schema import SchemaSettings
from batchwright.finding import Finding, Stage
from batchwright.folding import Text
from batchwright.placeholders import Placeholders
from batchwright.screening import Screen
from tests.bench.figure import Figure, at_least, at_most, untargeted
from tests.personal import MAKERS, clean, labelled

SEED = 2026
EACH, CLEAN = 1_000, 10_000
RECALL = {"email": 0.99, "card": 0.99, "iban": 0.99, "ssn": 0.99, "ip": 0.99, "phone": 0.85}
FALSE_PER_1000 = 1.0
CLEAN_MS, FULL_MS = 0.2, 1.5
# Short rounds: some of many are not interrupted.
ROUNDS, LOOKS = 300, 5
SIZE = 2048
# What a filter must be told before it looks for anything; the others are asked for by name.
TOLD: dict[str, Any] = {
    "language": {"allow": ["en"]},
    "length": {"max_chars": 20_000},
    "regex": {"patterns": {"ticket": r"TICKET-[0-9]{6}", "host": r"[a-z0-9-]+\.internal\b"}},
    "terms": {"words": ["project nightjar", "confidential", "grapefruit"]},
}
PROSE = """The harbour had been quiet since the ferries moved to the new pier. A few boats still came in the evening,
when the light was low, and the men who owned them talked about the weather and the price of fuel. In 2019 the town
had sold the old customs house to a bakery, which opened at seven and closed when nothing was left. Visitors came on
Saturdays, 40 or 50 of them, and paid 4.50 for coffee. They asked for the museum, which is in room 12 of the school.

Nobody had planned it so. When the council met in March, three plans lay on the table: a hotel, a row of flats, and a
park with a stage for concerts. The hotel would have brought two hundred jobs, said its friends, and taken the last
view of the sea, said everybody else. I remember that a fisherman stood up, took off his cap, and asked who would
sweep the sand out of the lobby after a storm. There was laughter, but no answer. A month later the investor withdrew;
his letter spoke of rising costs and thanked the mayor for her patience.

What followed is easily told:

- The flats were drawn again, lower and with fewer windows, and were refused by 11 votes to 4.
- A gardener planted willows along the northern wall, without asking, and they grew.
- The stage was built from the planks of a wrecked barge; it seats about ninety people.

So the park came about by itself, as such things sometimes do. In summer a brass band plays there, badly, and children
run between the chairs. The baker keeps her shop open for an hour more on those nights, and sells what she calls
"storm rolls", although no recipe was ever seen. If you go, take the early bus: the road floods at spring tide, and
the late one does not wait. Bring a coat as well, since the wind turns after sunset; and do not feed the gulls, whatever
your neighbour on the bench tells you. They know the band's programme by heart and arrive with the first march.
Further inland the valley is quieter still, with orchards, a mill that grinds on Thursdays, and one good inn.
"""
FULL = """Please update the file. Name: Ann Example, e-mail ann.example@example.com, phone +1 415-555-2671 or
(030) 12345678 at work. Her card 4111 1111 1111 1111 was charged, then 5500-0000-0000-0004; the refund goes to
DE89 3704 0044 0532 0130 00 or GB82WEST12345698765432. SSN 078-05-1121, NHS number 943 476 5919, NINO AB 12 34 56 C,
Steuer-ID 86 095 742 719, CPF 529.982.247-25, AHV 756.9217.0769.85, DNI 12345678Z, PESEL 44051401359.
Logged in from 192.168.10.14 and 2001:db8::8a2e:370:7334 with key AKIAIOSFODNN7EXAMPLE; write to bob@example.org.
"""


def figures() -> Iterator[Figure]:
    yield from pii_figures(Finds(PiiSettings(kinds=tuple(KINDS))))
    wrong = Finds(PiiSettings()).wrong().total() / CLEAN * 1000
    yield at_most("filters.pii.false_per_1000", wrong, FALSE_PER_1000, "of clean sentences")
    yield untargeted("filters.pii.clean_2kb", milliseconds(PROSE, ["pii"]), "ms")
    yield untargeted("filters.pii.full", milliseconds(FULL, ["pii"]), "ms")
    yield untargeted("filters.pii.full_redacted", milliseconds(FULL, ["pii"], "redact"), "ms")
    every_one = local()
    yield at_most("filters.clean_2kb", milliseconds(PROSE, every_one), CLEAN_MS, "ms")
    yield at_most("filters.full", milliseconds(FULL, every_one), FULL_MS, "ms")


def pii_figures(pii: "Finds") -> Iterator[Figure]:
    """What was told of a kind is everything in its own sentences, in those of other kinds, and in clean ones."""
    right, told = Counter[str](), pii.wrong()
    for kind in MAKERS:
        recall = pii.recall(kind, right, told)
        name = f"filters.pii.{kind}.recall"
        yield at_least(name, recall, RECALL[kind]) if kind in RECALL else untargeted(name, recall)
    for kind, count in sorted(told.items()):
        yield untargeted(f"filters.pii.{kind}.precision", round(right[kind] / count, 4))


class Finds:
    """What one filter finds in sentences."""

    def __init__(self, settings: FilterSettings) -> None:
        self._filter = settings.filter(Means())

    def recall(self, kind: str, right: Counter[str], told: Counter[str]) -> float:
        """Return the share of values that are found whole, and as what they are; count what is told."""
        wanted = "ip" if kind == "ipv6" else kind
        found = 0
        for each in labelled(kind, EACH, SEED):
            places = self.look(each.text)
            told.update(place.kind for place in places)
            found += any(
                place.kind == wanted and covers(place, each.start, each.end) for place in places
            )
        right[wanted] += found
        return found / EACH

    def wrong(self) -> Counter[str]:
        """Return how many findings there are where nothing is."""
        return Counter(place.kind for text in clean(CLEAN, SEED) for place in self.look(text))

    def look(self, text: str) -> list[Finding]:
        subject = Subject(stage=Stage.OUTPUT, texts=[Text(text)])
        return asyncio.run(self._filter.look(subject))


def covers(place: Finding, start: int, end: int) -> bool:
    assert place.start is not None
    assert place.end is not None
    return place.start <= start and end <= place.end


def local() -> list[str]:
    """Return the filters that ask no service and look at answers."""
    kinds: dict[str, type[FilterSettings]] = {
        name: get_args(field.annotation)[0] for name, field in FilterEntry.model_fields.items()
    }
    # The schema looks first, apart from the others, and only at JSON: the bench of forms measures it.
    return [
        name
        for name, kind in kinds.items()
        if not kind.remote and Stage.OUTPUT in kind.stages and kind is not SchemaSettings
    ]


def made(name: str, then: str = "review") -> FilterSettings:
    return FilterEntry.model_validate({name: {**TOLD.get(name, {}), "then": then}}).settings


def milliseconds(text: str, names: list[str], then: str = "review") -> float:
    """Return how long filters take for two kilobytes, in the best of several rounds."""
    screen = Screen(Stage.OUTPUT, [(name, made(name, then)) for name in names], Means())
    whole = (text * (SIZE // len(text) + 1))[:SIZE]
    return round(asyncio.run(best_round(screen, whole)) * 1000, 4)


async def best_round(screen: Screen, text: str) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()  # nothing waits here: others on the machine do not count
        for _ in range(LOOKS):
            subject = Subject(stage=Stage.OUTPUT, texts=[Text(text)])
            await screen.look(subject, Placeholders())
        best = min(best, (time.process_time() - begun) / LOOKS)
    return best
