"""Addresses of the Internet Protocol, private ones and those of examples among them."""

import re
from collections.abc import Iterator
from ipaddress import IPv6Address
from typing import Any

from batchwright.filters.recognisers.recogniser import Place, Reading

# Four numbers behind one of these are a version, a chapter, or an identifier; so is what they go up to.
_NO_ADDRESS = re.compile(
    r"\b(?:version|release|build|firmware|driver|patch|section|chapter|clause|article|appendix|rev|revision|oid|ver|"
    r"v|rv|upgraded?|updated?|downgraded?|kapitel|abschnitt|chapitre)s?\b\.?(?: (?:number|is|no\.?|to|from))?"
    r"[ :=#(\"'`]{0,3}(?:[0-9]+(?:\.[0-9]+){1,3},? ?(?:to|through|->|-|or) ?)?$",
    re.IGNORECASE,
)
_WINDOW = 48
_OCTET = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
_FOUR = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
# Short groups between colons are a time of day, or words of a program.
_LEAST_GROUP = 3


class Addresses:
    """Finds both versions."""

    gate = (
        r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        r"[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]",
        "::",
    )

    def __init__(self) -> None:
        """Compile what looks for both."""
        import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.longest_match = True
        self._fours: Any = re2.compile(rb"\b9{1,3}\.9{1,3}\.9{1,3}\.9{1,3}\b", options)
        self._eights: Any = re2.compile(
            rb"(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){0,7}(?:\.[0-9.]{5,11})?|"
            rb"[0-9A-Fa-f]{0,4}::(?:[0-9A-Fa-f]{1,4}:?){0,7}(?:\.[0-9.]{5,11})?",
            options,
        )

    def find(self, reading: Reading) -> Iterator[Place]:
        """Yield every address."""
        shape, text = reading.shape, reading.text
        for found in self._fours.finditer(shape):
            start, end = found.span()
            beside = shape[max(0, start - 2) : start], shape[end : end + 2]
            within = (
                beside[0][-1:] == b"." or beside[0] == b"9-" or beside[1] in (b".9", b".A", b"-9")
            )
            if not within and _FOUR.fullmatch(text, start, end) and not _version(text, start):
                yield Place(start, end, "ip", 0.95)
        if ":" in text:
            yield from self._sixes(reading)

    def _sixes(self, reading: Reading) -> Iterator[Place]:
        for found in self._eights.finditer(reading.ascii):
            start, end = found.span()
            written = found.group().decode()
            if not written.endswith("::"):
                end -= len(written) - len(written.rstrip(":."))
            written = reading.text[start:end]
            if _alone(reading.shape, start, end) and _tells(written) and _is_six(written):
                yield Place(start, end, "ip", 0.95)


def _version(text: str, start: int) -> bool:
    return _NO_ADDRESS.search(text, max(0, start - _WINDOW), start) is not None


def _alone(shape: bytes, start: int, end: int) -> bool:
    around = shape[max(0, start - 1) : start] + shape[end : end + 1]
    return not any(sign in b"9A:" for sign in around)


def _tells(written: str) -> bool:
    """Whether it has what words, times and slices have not: a digit, and a long group or all eight."""
    groups = written.split(":")
    long = max(map(len, groups)) >= _LEAST_GROUP or written == "::1"
    return any(letter.isdigit() for letter in written) and (long or len(groups) == 8)  # noqa: PLR2004 - as it is


def _is_six(written: str) -> bool:
    try:
        IPv6Address(written)
    except ValueError:
        return False
    return True
