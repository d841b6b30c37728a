"""The host's quotas and faults, with the clock and the dice in our hands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.emulator.host.behaviour import Fault, LimitModel
from tests.emulator.host.faults import Faults
from tests.emulator.host.quota import Quotas, Reservation, Shortage, burndown

NOVA = "us.amazon.nova-lite-v1:0"


def quotas(limit_model: LimitModel, *, rpm: int | None = None, tpm: int | None = None) -> Quotas:
    return Quotas(rpm=rpm, tpm=tpm, limit_model=limit_model, start=1000.0)


def admitted(limits: Quotas, *, tokens: int, now: float, model: str = NOVA) -> Reservation:
    reservation = limits.reserve(model, tokens, now=now)
    assert isinstance(reservation, Reservation)
    return reservation


def count_admitted(limits: Quotas, *, tries: int, now: float) -> int:
    return sum(isinstance(limits.reserve(NOVA, 1, now=now), Reservation) for _ in range(tries))


def test_without_limits_everything_is_admitted() -> None:
    assert count_admitted(quotas("window"), tries=10_000, now=1000.0) == 10_000


def test_a_window_admits_its_requests_and_no_more_until_the_next_one() -> None:
    limits = quotas("window", rpm=5)

    assert count_admitted(limits, tries=9, now=1000.0) == 5
    assert limits.reserve(NOVA, 1, now=1059.9) == Shortage(what="requests")
    assert count_admitted(limits, tries=9, now=1060.0) == 5


def test_a_bucket_admits_one_second_of_requests_at_once_and_then_the_rate() -> None:
    limits = quotas("bucket", rpm=3000)

    assert count_admitted(limits, tries=80, now=1000.0) == 50
    assert count_admitted(limits, tries=80, now=1000.1) == 5
    assert count_admitted(limits, tries=80, now=1100.0) == 50


def test_a_slow_bucket_holds_at_least_one_request() -> None:
    limits = quotas("bucket", rpm=6)

    assert count_admitted(limits, tries=3, now=1000.0) == 1
    assert count_admitted(limits, tries=3, now=1009.9) == 0
    assert count_admitted(limits, tries=3, now=1010.0) == 1


def test_a_minute_of_a_bucket_taken_as_it_fills_is_the_whole_quota() -> None:
    limits = quotas("bucket", rpm=3000)
    count_admitted(limits, tries=50, now=1000.0)

    assert sum(count_admitted(limits, tries=9, now=1000.0 + i / 50) for i in range(1, 3001)) == 3000


@pytest.mark.parametrize("limit_model", ["window", "bucket"])
def test_tokens_are_reserved_before_they_are_used(limit_model: LimitModel) -> None:
    limits = quotas(limit_model, tpm=1000)
    admitted(limits, tokens=600, now=1000.0)

    assert limits.reserve(NOVA, 600, now=1000.0) == Shortage(what="tokens")


@pytest.mark.parametrize("limit_model", ["window", "bucket"])
def test_what_was_reserved_and_not_used_is_given_back(limit_model: LimitModel) -> None:
    limits = quotas(limit_model, tpm=1000)
    admitted(limits, tokens=1000, now=1000.0).settle(30, 70, now=1000.0)

    admitted(limits, tokens=900, now=1000.0)
    assert limits.reserve(NOVA, 1, now=1000.0) == Shortage(what="tokens")


@pytest.mark.parametrize("limit_model", ["window", "bucket"])
def test_a_call_larger_than_a_minute_is_never_admitted(limit_model: LimitModel) -> None:
    limits = quotas(limit_model, tpm=1000)

    assert limits.reserve(NOVA, 1001, now=9999.0) == Shortage(what="tokens")


def test_a_call_that_ends_in_a_later_window_gives_nothing_back_to_it() -> None:
    limits = quotas("window", tpm=1000)
    early = admitted(limits, tokens=1000, now=1059.0)
    admitted(limits, tokens=1000, now=1061.0)

    early.settle(1, 1, now=1062.0)

    assert limits.reserve(NOVA, 1, now=1062.0) == Shortage(what="tokens")


def test_a_request_refused_for_its_tokens_costs_no_request() -> None:
    limits = quotas("window", rpm=1, tpm=1000)
    assert limits.reserve(NOVA, 2000, now=1000.0) == Shortage(what="tokens")

    admitted(limits, tokens=1000, now=1000.0)


def test_each_model_has_its_own_quota_and_an_arn_shares_that_of_its_id() -> None:
    limits = quotas("window", rpm=1)
    admitted(limits, tokens=1, now=1000.0)

    admitted(limits, tokens=1, now=1000.0, model="us.amazon.nova-pro-v1:0")
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{NOVA}"
    assert limits.reserve(arn, 1, now=1000.0) == Shortage(what="requests")


@pytest.mark.parametrize(
    ("model", "times"),
    [
        ("us.amazon.nova-lite-v1:0", 1),
        ("anthropic.claude-instant-v1", 1),
        ("anthropic.claude-v2:1", 1),
        ("anthropic.claude-3-haiku-20240307-v1:0", 1),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", 1),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", 5),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", 5),
    ],
)
def test_output_of_the_later_claudes_counts_five_times(model: str, times: int) -> None:
    assert burndown(model) == times


def test_the_burndown_is_taken_when_a_call_is_settled() -> None:
    claude = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
    limits = quotas("window", tpm=1000)
    admitted(limits, tokens=200, now=1000.0, model=claude).settle(100, 100, now=1001.0)

    admitted(limits, tokens=400, now=1001.0, model=claude)
    assert limits.reserve(claude, 1, now=1001.0) == Shortage(what="tokens")


@given(
    st.sampled_from(["window", "bucket"]),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 400), st.integers(0, 400)), max_size=60),
)
def test_settled_use_never_passes_the_quota_by_more_than_a_burst(
    limit_model: LimitModel, calls: list[tuple[float, int, int]]
) -> None:
    limits, now, used = quotas(limit_model, tpm=1000), 1000.0, 0
    for wait, reserved, wanted in calls:
        now += wait
        reservation = limits.reserve(NOVA, reserved, now=now)
        if isinstance(reservation, Reservation):
            spent = min(reserved, wanted)
            reservation.settle(spent, 0, now=now)
            used += spent

    assert used <= 1000 * (1 + (now - 1000.0) / 60 + (1 if limit_model == "window" else 0)) + 1


def test_a_fault_hits_as_often_as_it_is_told_and_only_what_matches() -> None:
    faults = Faults([Fault(match="refund", do="500", times=2)], seed=0)

    assert [faults.of_call(text) for text in ("refund", "parcel", "a refund", "refund")] == [
        "500", None, "500", None,
    ]  # fmt: skip


def test_the_first_fault_that_hits_wins() -> None:
    faults = Faults([Fault(do="503", times=1), Fault(do="cut")], seed=0)

    assert [faults.of_call("x"), faults.of_call("x")] == ["503", "cut"]


def test_a_rate_is_kept_and_the_same_seed_gives_the_same_faults() -> None:
    def drawn(seed: int) -> list[str | None]:
        faults = Faults([Fault(do="throttle", rate=0.2)], seed=seed)
        return [faults.of_call("x") for _ in range(2000)]

    assert 340 < drawn(7).count("throttle") < 460
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
