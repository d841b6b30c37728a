"""JSON out of what models write around it: fences, a sentence before, a remark behind.

Time is in proportion to the text, whatever it holds: so many brackets that lead nowhere may be tried, and no more.
"""

import re
from collections.abc import Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

_OPENING = re.compile(r"[{\[]")
_DECODER = JSONDecoder()
# Brackets that are tried, and how often the text may be read over for all of them.
MOST_TRIES = 1_000
MOST_READINGS = 4


def whole(text: str) -> Any:
    """Return the value that a text is; raises :class:`ValueError` where it is no JSON."""
    return orjson.loads(text)


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def within(text: str) -> Iterator[tuple[str, Any]]:
    """Yield every JSON object and list that stands in a text and in no other, as it is written and as it reads.

    A text that is one fenced block is read as a whole, too: it may be a number, or a string.
    """
    fenced = _unfenced(text.strip())
    if fenced is not None and (read := _read(fenced)):
        yield read
        return
    left = MOST_READINGS * len(text)
    opening = _OPENING.search(text)
    for _ in range(MOST_TRIES):
        if opening is None or left < 0:
            return
        start = opening.start()
        try:
            _, end = _DECODER.raw_decode(text, start)
        except JSONDecodeError as fault:
            # A string without an end was read up to the text's, whatever the fault says.
            left -= (len(text) if fault.msg.startswith("Unterminated") else fault.pos) - start
            end = start + 1
        except (
            ValueError,
            RecursionError,
        ):  # a number of thousands of digits; thousands of brackets
            left -= len(text)
            end = start + 1
        else:
            left -= end - start
            if read := _read(text[start:end]):
                yield read
        opening = _OPENING.search(text, end)


def _read(written: str) -> tuple[str, Any] | None:
    """Read it strictly: what Python's reader takes, as ``NaN``, need not be JSON."""
    try:
        return written, orjson.loads(written)
    except orjson.JSONDecodeError:
        return None


def _unfenced(text: str) -> str | None:
    if not text.startswith("```") or not text.endswith("```"):
        return None
    _, _, rest = text.partition("\n")
    inner = rest[:-3].strip()
    return None if "```" in inner else inner
