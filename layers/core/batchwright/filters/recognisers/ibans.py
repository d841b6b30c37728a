"""International bank account numbers."""

import re
from collections.abc import Iterator
from functools import cache

from batchwright.filters.recognisers.checksums import mod97
from batchwright.filters.recognisers.recogniser import Place, Reading

# How many letters and digits a country's numbers have: SWIFT's registry, and countries that use them without.
_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "AO CV GW LY MZ PT ST",
    26: "DZ IR IS TR",
    27: "BI CF CG CM DJ FR GA GQ GR IT KM MC MG MR SM TD",
    28: "AL AZ BF BJ BY CI CY DO GT HN HU LB MA ML NE NI PL SN SV TG",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_LENGTH = {
    country: length for length, countries in _LENGTHS.items() for country in countries.split()
}
_MARKS = re.compile(rb"[ -]")
# Begun with letters, and not with \b, the pattern lets the search skip what has none in a row.
_BEGINS = re.compile(rb"AA99(?<=\bAA99)[ -]?[9A]{4}")


class Ibans:
    """Finds them by country and check digits, and checks their length and sum."""

    gate = (r"[A-Za-z]{2}[0-9]{2}[ -]?[0-9A-Za-z]{4}",)

    def find(self, reading: Reading) -> Iterator[Place]:
        """Yield every number that checks."""
        at = 0
        while found := _BEGINS.search(reading.shape, at):
            start = found.start()
            at = start + 4
            length = _LENGTH.get(reading.text[start : start + 2].upper())
            whole = length and _of(length).match(reading.ascii, start)
            if not whole:
                continue
            value = _MARKS.sub(b"", whole.group()).decode().upper()
            if mod97(value[4:] + value[:4]):
                at = whole.end()
                yield Place(start, at, "iban", 0.99)


@cache
def _of(length: int) -> re.Pattern[bytes]:
    """Return what matches so many letters and digits, in groups or not."""
    return re.compile(rb"(?:[0-9A-Za-z][ -]?){%d}[0-9A-Za-z](?![0-9A-Za-z])" % (length - 1))
