from hypothesis import given
from hypothesis import strategies as st

from batchwright.ids import Ids, fingerprint


class Store:
    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}

    def put(self, number: int, content: bytes) -> None:
        self.kept[number] = content

    def get(self, number: int, span: tuple[int, int]) -> bytes:
        return self.kept[number][slice(*span)]


@given(
    runs=st.lists(st.lists(st.text(max_size=3), max_size=30), min_size=1, max_size=4),
    last_is_held=st.booleans(),
)
def test_what_occurs_more_than_once_is_found_however_it_was_put_away(
    runs: list[list[str]], last_is_held: bool
) -> None:
    store, stored = Store(), list[list[int]]()
    for number, run in enumerate(runs):
        ids = Ids(7, stored)
        for record_id in run:
            ids.add(record_id)
        if number < len(runs) - 1 or not last_is_held:
            ids.put_away(store.put)
        stored = ids.stored

    found = list(ids.repeated(store.get))

    every = [record_id for run in runs for record_id in run]
    assert sorted(found) == sorted(
        {fingerprint(each, 7) for each in every if every.count(each) > 1}
    )


def test_a_fingerprint_differs_from_job_to_job() -> None:
    assert fingerprint("req-1", 1) != fingerprint("req-1", 2)
