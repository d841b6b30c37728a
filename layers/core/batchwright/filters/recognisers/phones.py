"""Phone numbers, by the numbering plans of phonenumbers and by how people write them."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from batchwright.filters.recognisers.recogniser import Place, Reading
from batchwright.filters.recognisers.words import Words

# In a shape, possessive: nothing behind it makes a shorter one match.
_RUN = re.compile(rb"9(?:[ ()./-]{0,3}+9){6,}+")
_NO_DIGIT = re.compile(r"[^0-9]")
_WORD = re.compile(r"[^ ]+")
_EXTENSION = re.compile(r" ?(?:x|ext\.?|extension) ?[0-9]{1,6}(?![0-9A-Za-z])", re.IGNORECASE)
_AMERICAN = re.compile(
    r"(?:1[ .-])?(?:\([2-9][0-9]{2}\)[ .-]?|[2-9][0-9]{2}([.-]))[2-9][0-9]{2}(?(1)\1|[ .-])[0-9]{4}"
)
# Groups of digits that next to nothing but a phone number has, if its plan allows it.
_TOLD = re.compile(
    r"[0-9]{3} [0-9]{3} [0-9]{4}|[0-9]{2} (?:9[0-9]{4}|(?!(?:19|20)[0-9]{2})[2-5][0-9]{3})-[0-9]{4}"
)
# Eight digits, which many write where the region's code goes without saying; two years are none.
_SHORT = re.compile(
    r"(?!(?:19|20)[0-9]{2}.(?:19|20))[2-9][0-9]{3}[ .-][0-9]{4}|0[0-9]-[0-9]{2} [0-9]{2} [0-9]{2}"
)
_DATE = re.compile(
    r"(?<![0-9])(?:(?:19|20)[0-9]{2}([-./ ])[01]?[0-9]\1[0-3]?[0-9]|[0-3]?[0-9]([-./])[0-3]?[0-9]\2(?:19|20)?[0-9]{2})"
    r"(?![0-9])"
)
# A number with a sign; a country's code before the point has three digits at most.
_DECIMAL = re.compile(r"\+[0-9]{4,}\.[0-9]+|[0-9]+\.[0-9]+")
# What is no phone's number, by the word before it.
_OTHERWISE = re.compile(
    r"(?:isbn|issn|ean|doi|pmid|order|invoice|ticket|tracking|reference|ref|case|article|sku|serial|id|usd|eur|gbp|"
    r"[$€£¥%=])(?:[- ]?1[03])?(?: ?(?:no|nr|number|id))?[^0-9A-Za-z\n]{0,4}$",
    re.IGNORECASE,
)
_WORDS = (
    "phone", "telephone", "tel", "telefon", "telefono", "teléfono", "telefone", "téléphone", "telefoon", "fax",
    "mobile", "mobil", "cell", "cellphone", "call", "called", "calling", "dial", "ring", "text me", "sms",
    "whatsapp", "handy", "móvil", "celular", "cellulare", "hotline", "helpline", "voicemail", "contact", "reach",
    "callback", "anrufen", "rufnummer", "appeler", "appelez", "llame", "llamar", "ligue", "ligar", "chiamare",
    "bellen", "zadzwoń", "電話", "电话",
)  # fmt: skip
_MEMORY = 64 << 20
_FEWEST, _LONGEST = 7, 15
_MOST_GROUPS = 8
_LONGEST_NATIONAL = 13
# A shorter one has a country's code, or is its region's own way: Denmark's have eight digits.
_SHORTEST, _SHORTEST_ANYWHERE = 9, 8
_WINDOW = 24
# What has a shape of its own is not looked at further.
_DISTINCT = 0.85


class Phones:
    """Finds numbers with a country's code, and those of some regions as they are written there."""

    def __init__(self, regions: Sequence[str]) -> None:
        """Load the numbering plans of ``regions``: two letters each, as ISO 3166 has them."""
        import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY
        self._national: Any = re2.Set.FullMatchSet(options)
        plans = [_plan(region) for region in regions]
        for plan in plans:
            self._national.Add(_dialled(plan))
        self._national.Compile()
        self._words = Words({"phone": _WORDS})
        self._american = not {"US", "CA"}.isdisjoint(regions)
        self._shortest = min(_SHORTEST, *map(_mobile_length, plans))
        self.gate = (
            r"\+\(?[0-9](?:[ ()./-]{0,3}[0-9]){6}",
            rf"[0-9](?:[ ()./-]{{0,3}}[0-9]){{{self._shortest - 1}}}",
            r"[0-9]{4}[ .-][0-9]{4}|0[0-9]-[0-9]{2} [0-9]{2}",
        )

    def find(self, reading: Reading) -> Iterator[Place]:
        """Yield every number; one without a country's code has a way to be written, or a word, that tells."""
        for run in _runs(reading.rest):
            end = 0
            for first, last, confidence in self._sure(reading, *run):
                if first >= end:
                    extension = _EXTENSION.match(reading.text, last)
                    end = extension.end() if extension else last
                    yield Place(first, end, "phone", confidence)

    def _sure(self, reading: Reading, start: int, end: int) -> list[tuple[int, int, float]]:
        """Return which parts of a run of digits and marks are numbers."""
        words, digits = _words(reading.text, start, end)
        if sum(digits) > _LONGEST:
            whole = [word for word, count in zip(words, digits, strict=True) if count >= _FEWEST]
            tried = [(first, last, self._confidence(reading, first, last)) for first, last in whole]
            return [each for each in tried if each[2]]
        best, count = (0, 0, 0.0), len(words)
        if count > _MOST_GROUPS:
            return []
        for size in range(count, 0, -1):
            for first in range(count - size + 1):
                if sum(digits[first : first + size]) >= _FEWEST:
                    place = words[first][0], words[first + size - 1][1]
                    # Behind one that may be a number only what surely is one counts.
                    sure = self._confidence(reading, *place, distinct=bool(best[2]))
                    if sure >= _DISTINCT:
                        return [(*place, sure)]
                    best = best if best[2] else (*place, sure)
        return [best] if best[2] else []

    def _confidence(
        self, reading: Reading, start: int, end: int, *, distinct: bool = False
    ) -> float:
        """Return how sure it is that this is a phone's number; 0, if it is none.

        ``distinct`` asks only for those with a shape of their own; others may be told as 0.
        """
        if _goes_on(reading, start, end):
            return 0.0
        written = reading.text[start:end]
        digits = _NO_DIGIT.sub("", written)
        if "+" in written:
            national = _NO_DIGIT.sub("", written.replace("(0)", ""))
            return 0.95 if _international(national) and not _DECIMAL.fullmatch(written) else 0.0
        long = self._shortest <= len(digits) <= _LONGEST
        if not (long or _SHORT.fullmatch(written)) or _DATE.search(written):
            return 0.0
        near = _Near(self._words, reading, start, end)
        sure = self._distinct(written, digits, near) if long else 0.0
        if not sure and not distinct:
            sure = self._national_confidence(written, digits, near) if long else 0.6 * near()
        if sure and _OTHERWISE.search(reading.text, max(0, start - _WINDOW), start):
            return 0.0
        return sure

    def _distinct(self, written: str, digits: str, near: "_Near") -> float:
        if self._american and _AMERICAN.fullmatch(written):
            return _DISTINCT
        grouped = len(digits) < len(written)
        abroad = written.startswith("00") and _international(digits[2:]) and (grouped or near())
        return _DISTINCT if abroad else 0.0

    def _national_confidence(self, written: str, digits: str, near: "_Near") -> float:
        if len(digits) > _LONGEST_NATIONAL:
            return 0.0
        planned = bool(self._national.Match(digits))
        if planned and near():
            return 0.8
        if _DECIMAL.fullmatch(written) or ("." in written and "-" in written):
            return 0.0
        grouped = len(digits) < len(written)
        trunk = written[0] == "0" and written[1].isdigit()
        told = trunk or written[0] == "(" or _TOLD.fullmatch(written) is not None
        if planned and grouped and told:
            return 0.7
        return 0.6 if (grouped or trunk) and len(digits) >= _SHORTEST and near() else 0.0


class _Near:
    """Whether a word for phones stands near a place; looked at when it is asked for, and once."""

    __slots__ = ("_near", "_place", "_words")

    def __init__(self, words: Words, reading: Reading, start: int, end: int) -> None:
        self._words = words
        self._place = reading, start, end
        self._near: bool | None = None

    def __call__(self) -> bool:
        if self._near is None:
            self._near = bool(self._words.near(*self._place))
        return self._near


def _runs(shape: bytes) -> Iterator[tuple[int, int]]:
    """Yield digits with marks between them, and with the marks that a number begins with: ``(+(``.

    >>> [*_runs(b"AA (+(99) 999 99"), *_runs(b"A((9999999, 999999")]
    [(3, 16), (1, 10)]
    """
    at = 0
    for found in _RUN.finditer(shape):
        start = found.start()
        for mark in b"(+(":
            if start > at and shape[start - 1] == mark:
                start -= 1
        at = found.end()
        yield start, at


def _words(text: str, start: int, end: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Return what blanks divide, and how many digits each has."""
    words = [_closed(text, *word.span()) for word in _WORD.finditer(text, start, end)]
    return words, [sum(map(str.isdigit, text[first:last])) for first, last in words]


def _goes_on(reading: Reading, start: int, end: int) -> bool:
    """Whether something stands at it that makes it part of something else."""
    shape = reading.shape
    before, behind = shape[max(0, start - 2) : start], shape[end : end + 2]
    if before[-1:] in (b"9", b"A") or before in (b"9.", b"9-", b"9/", b"A-", b"9:"):
        return True
    if behind[:1] == b"9" or behind in (b".9", b"-9", b"/9", b":9", b"-A"):
        return True
    return behind[:1] == b"A" and not _EXTENSION.match(reading.text, end)


def _international(digits: str) -> bool:
    """Whether this is a country's code and as many digits as its numbers have."""
    return any(
        len(national) in lengths
        for size in (1, 2, 3)
        if (lengths := _lengths(digits[:size]))
        # Many write the zero that is dialled within the country.
        for national in (digits[size:], digits[size:].removeprefix("0"))
    )


def _closed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a place without the brackets that it begins with, if they are not closed within."""
    while text[start] == "(" and text.count("(", start, end) > text.count(")", start, end):
        start += 1
    return start, end


@cache
def _lengths(code: str) -> frozenset[int]:
    """Return how long the numbers of a country's code are; nothing, if no country has it."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS  # noqa: PLC0415 - as re2
    from phonenumbers import PhoneMetadata  # noqa: PLC0415

    number = int(code)
    if code.startswith("0") or number not in REGIONS:
        return frozenset()
    plan: Any = PhoneMetadata.metadata_for_region_or_calling_code(number, REGIONS[number][0])
    return frozenset(each for each in plan.general_desc.possible_length if each > 5)  # noqa: PLR2004 - a short code


def _plan(region: str) -> Any:
    from phonenumbers import PhoneMetadata  # noqa: PLC0415 - as re2

    return PhoneMetadata.metadata_for_region(region)


def _dialled(plan: Any) -> str:
    """Return a pattern for the numbers of a region, as they are dialled within it."""
    kinds = (
        plan.fixed_line, plan.mobile, plan.toll_free, plan.premium_rate, plan.shared_cost, plan.personal_number,
        plan.voip, plan.uan,
    )  # fmt: skip
    written = [
        kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern
    ]
    return f"(?:{plan.national_prefix or ''})?(?:{'|'.join(written)})"


def _mobile_length(plan: Any) -> int:
    lengths: tuple[int, ...] = plan.mobile.possible_length or plan.general_desc.possible_length
    return max(_SHORTEST_ANYWHERE, *lengths)
