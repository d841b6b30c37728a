"""Which of many patterns occur in a text, told by one look at it."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

GATE_MEMORY = 64 << 20
# A function that goes on to the next chunk finds its contract's again: both stages', and those of two filters.
GATES_KEPT = 4

type Gate = Callable[[str], Sequence[int]]


def gate_of(patterns: Iterable[str]) -> Gate:
    """Return what tells which of some RE2 patterns occur in a text."""
    return _compiled(tuple(patterns))


@lru_cache(GATES_KEPT)
def _compiled(patterns: tuple[str, ...]) -> Gate:
    if not patterns:
        return lambda _: ()
    import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = GATE_MEMORY
    gate = re2.Set.SearchSet(options)
    # RE2 says "no match" where its memory does not do; a pattern that always matches gives that away.
    for pattern in (*patterns, "(?s)."):
        gate.Add(pattern)
    gate.Compile()
    everything, always = range(len(patterns)), len(patterns)

    def hits(text: str) -> Sequence[int]:
        found: list[int] = gate.Match(text) or []
        if always not in found and text:
            return everything
        return [hit for hit in found if hit != always]

    return hits
