from hypothesis import given
from hypothesis import strategies as st

from batchwright.segment import Claim
from batchwright.suspicion import Group, claim_of, groups_of


def sizes(groups: list[Group]) -> list[int]:
    return [len(group.indexes) for group in groups]


def test_where_nobody_died_all_records_are_one_group() -> None:
    assert groups_of(range(1000), []) == [Group(indexes=frozenset(range(1000)))]


def test_one_death_is_no_reason_to_suspect_anything() -> None:
    assert sizes(groups_of(range(1000), [((0, 999),)])) == [1000]


def test_after_two_deaths_those_that_were_claimed_both_times_are_tried_in_small_groups() -> None:
    groups = groups_of(range(1000), [((0, 999),), ((500, 999),)])

    assert groups[0].indexes == frozenset(range(500)), "first those above suspicion"
    assert sizes(groups[1:]) == [23] * 21 + [17]


def test_few_suspects_are_tried_one_by_one() -> None:
    assert sizes(groups_of(range(16), [((0, 15),)] * 2)) == [1] * 16


def test_the_least_suspicious_come_first() -> None:
    whole: Claim = ((0, 3),)

    groups = groups_of(range(4), [whole, whole, ((0, 0),)])

    assert [sorted(group.indexes) for group in groups] == [[1], [2], [3], [0]]


def test_a_record_is_given_up_when_two_died_at_it_alone_and_not_before() -> None:
    whole: Claim = ((0, 3),)

    assert all(not group.deaths for group in groups_of(range(4), [whole, whole, ((2, 2),)]))
    first, *others = groups_of(range(4), [whole, whole, ((2, 2),), ((2, 2),)])

    assert first == Group(indexes=frozenset({2}), deaths=2)
    assert all(not group.deaths for group in others)


def test_a_record_that_is_settled_by_now_is_nobodys_business() -> None:
    assert sizes(groups_of({1}, [((0, 0),), ((0, 0),)])) == [1]


@given(st.frozensets(st.integers(0, 300)))
def test_a_claim_names_exactly_its_records(indexes: frozenset[int]) -> None:
    claim = claim_of(indexes)

    assert [i for first, last in claim for i in range(first, last + 1)] == sorted(indexes)


@given(
    st.frozensets(st.integers(0, 60)),
    st.lists(st.frozensets(st.integers(0, 60), min_size=1).map(claim_of), max_size=8),
)
def test_every_open_record_is_in_exactly_one_group(
    open_records: frozenset[int], claims: list[Claim]
) -> None:
    worked_on = [index for group in groups_of(open_records, claims) for index in group.indexes]

    assert sorted(worked_on) == sorted(open_records)


@given(st.integers(1, 10_000), st.randoms(use_true_random=False))
def test_one_record_that_kills_its_worker_costs_seven_workers_at_most(
    records: int, chance: object
) -> None:
    poison = chance.randrange(records)  # type: ignore[attr-defined]  # hypothesis's Random
    open_records = frozenset(range(records))
    claims: list[Claim] = []
    while poison in open_records:
        for group in groups_of(open_records, claims):
            if poison in group.indexes and not group.deaths:
                claims.append(group.claim)
                break
            open_records -= group.indexes

    assert len(claims) <= 7
