from collections import Counter
from threading import Lock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.readahead import AHEAD, READERS, read_ahead


class Store:
    """Counts what was read and is not handed on yet."""

    def __init__(self) -> None:
        self.most = Counter[str]()
        self.held = Counter[str]()
        self._lock = Lock()

    def read(self, size: int) -> int:
        with self._lock:
            self.held.update(count=1, bytes=size)
            self.most |= self.held
        return size

    def let_go(self, size: int) -> None:
        with self._lock:
            self.held.update(count=-1, bytes=-size)


@settings(deadline=None)
@given(st.lists(st.integers(1, 3 * AHEAD // 2), max_size=30))
def test_what_is_read_ahead_comes_in_order_and_fits(sizes: list[int]) -> None:
    store = Store()

    found = []
    for size in read_ahead(sizes, store.read, expected=lambda size: size, weight=lambda size: size):
        found.append(size)
        store.let_go(size)

    assert found == sizes
    assert store.most["count"] <= READERS + 1
    # And what is being worked on, and the one that was too large by itself.
    assert store.most["bytes"] <= AHEAD + 2 * max(sizes, default=0)


def test_a_guess_that_was_too_small_lets_fewer_be_read_ahead() -> None:
    store = Store()
    sizes = [AHEAD // 2] * 20

    for number, size in enumerate(
        read_ahead(sizes, store.read, expected=lambda _: 1, weight=lambda size: size)
    ):
        store.let_go(size)
        if number == READERS:
            store.most.clear()

    assert store.most["count"] <= 3


def test_a_failure_comes_in_its_turn() -> None:
    found = read_ahead(
        [1, 2, 0, 3], lambda place: 6 // place, expected=lambda _: 1, weight=lambda size: size
    )

    assert [next(found), next(found)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(found)
