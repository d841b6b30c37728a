"""Patterns that others wrote, looked for in time proportional to the text, whatever the pattern."""

from collections.abc import Iterator
from typing import Any

# A text is looked through in pieces, so that a pattern that reads far ahead at every place takes no more time than it
# would for short texts; what a pattern finds lies in one piece.
PIECE, LONGEST = 2_500, 500
_MEMORY = 64 << 20


def compiled(pattern: str) -> Any:
    """Return a pattern, ready to be looked for; raises ``re2.error``."""
    import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(pattern, options)


def matches(pattern: Any, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a pattern matches; what reaches the end of a piece is found whole in the next one."""
    begin = 0
    while True:
        # A letter before the piece tells whether a word begins with it.
        before = min(begin, 1)
        piece = text[begin - before : begin + PIECE]
        last = begin + PIECE >= len(text)
        goes_on = begin + PIECE - LONGEST
        for found in pattern.finditer(piece, before):
            start, end = found.start() + begin - before, found.end() + begin - before
            if not last and start >= begin + PIECE - LONGEST:
                break
            if start < end:
                yield start, end
            goes_on = max(goes_on, end)
        if last:
            return
        begin = goes_on
