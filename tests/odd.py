"""Lines with one odd thing in them, for the dialects' fuzzing."""

import copy
from typing import Any

from hypothesis import strategies as st

ODD = st.sampled_from(
    [None, True, 0, -1, 2**70, 1.5, "", " ", "x", "s3://a", [], {}, [None], {"x": 1}, {"type": "x"}]
)


def odd(line: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The line with one value changed, wherever in it."""
    return st.builds(put, st.just(line), st.sampled_from([*places(line)]), ODD)


def broken(content: bytes) -> st.SearchStrategy[bytes]:
    """The line's bytes with some cut out and others put in."""
    cuts = st.integers(0, len(content))
    return st.builds(
        lambda place, long, put_in: content[:place] + put_in + content[place + long :],
        cuts,
        st.integers(0, 40),
        st.binary(max_size=60),
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a line a value stands."""
    found = [path] if path else []
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        found += places(value[key], (*path, key))
    return found


def put(line: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return the line with another value at a place."""
    changed = copy.deepcopy(line)
    spot: Any = changed
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = value
    return changed
