"""How many workers are started: as many as a limit keeps busy, and no more than the stack has."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.contract import contract_from_json
from batchwright.crew import crew
from batchwright.limits import Limits
from batchwright.quotas import Quota
from batchwright.totals import Total
from tests.fakes import MODEL, GrantedAccount
from tests.laptop import Laptop, chat_file

CONTRACT = contract_from_json({"name": "untold", "routes": [{"engine": "bedrock", "model": MODEL}]})
OTHER = "us.amazon.nova-micro-v1:0"


def limits(tpm: int | None, *, records: int = 1000, read: int = 300, written: int = 300) -> Limits:
    total = Total(records=records, input_tokens=read * records, max_output_tokens=written * records)
    return Limits(totals={MODEL: total}, granted={MODEL: tpm})


def workers(known: Limits, *, in_flight: int = 200, most: int = 100) -> int:
    return crew(known, CONTRACT, in_flight=in_flight, most=most)


def test_where_the_limit_is_not_known_as_many_run_as_the_stack_allows() -> None:
    assert workers(limits(None)) == 100
    assert workers(Limits()) == 100


def test_a_limit_is_reached_with_the_requests_that_are_in_flight_at_once() -> None:
    """4 million tokens a minute are 111 calls a second of 600 tokens, which take 12 seconds each."""
    assert workers(limits(4_000_000)) == 9


def test_a_small_limit_keeps_one_worker_busy_and_a_large_one_all_that_there_are() -> None:
    assert workers(limits(200_000)) == 1
    assert workers(limits(400_000_000)) == 100


def test_fewer_requests_in_flight_need_more_workers() -> None:
    assert workers(limits(4_000_000), in_flight=50) == 34


def test_answers_may_be_much_shorter_than_they_are_allowed_to_be() -> None:
    short = workers(limits(4_000_000, read=20, written=20))

    assert workers(limits(4_000_000, read=20, written=100_000)) >= short


def test_every_model_needs_its_own_and_one_that_is_unknown_all() -> None:
    known = limits(4_000_000)
    known.totals[OTHER] = known.totals[MODEL]
    known.granted[OTHER] = 4_000_000
    assert workers(known) == 17

    known.granted[OTHER] = None
    assert workers(known) == 100


def test_a_limit_that_only_a_judge_tells_starts_no_idle_workers() -> None:
    judge = {"model": OTHER, "criteria": "It is polite.", "tpm": 1000}
    told = contract_from_json(
        {
            "name": "judged",
            "routes": [{"engine": "bedrock", "model": MODEL, "tpm": 1000}],
            "models": {"*": MODEL},
            "filters": {"output": [{"judge": judge}]},
        }
    )
    laptop = Laptop(models=(MODEL, OTHER))
    laptop.put_contract("judged", json.dumps(told.to_json()))
    job_id = laptop.drop(chat_file(40), "inbox/judged/file.jsonl")

    assert laptop.plan(job_id)["max_concurrency"] < 4
    assert laptop.account.asked == []


def test_a_route_and_a_judge_of_one_model_have_the_limit_that_the_route_tells() -> None:
    contract = contract_from_json(
        {
            "name": "judged",
            "routes": [{"engine": "bedrock", "model": MODEL, "tpm": 4_000_000}],
            "filters": {
                "output": [
                    {"judge": {"model": MODEL, "criteria": "It is polite.", "tpm": 1, "rpm": 9}}
                ]
            },
        }
    )

    assert Limits().of(MODEL, contract) == Quota(rpm=9, tpm=4_000_000)


@pytest.mark.parametrize(("rpm", "expected"), [(60, 1), (6000, 8)])
def test_requests_a_minute_count_as_tokens_do(rpm: int, expected: int) -> None:
    told = {"name": "told", "routes": [{"engine": "bedrock", "model": MODEL, "rpm": rpm}]}

    assert crew(limits(None), contract_from_json(told), in_flight=200, most=100) == expected


@given(st.integers(1, 10**9), st.integers(1, 900), st.integers(1, 1000), st.integers(0, 10**5))
def test_there_is_always_one_and_never_more_than_the_stack_has(
    tpm: int, in_flight: int, most: int, written: int
) -> None:
    known = limits(tpm, written=written)

    assert 1 <= workers(known, in_flight=in_flight, most=most) <= most


def test_plan_tells_the_workflow() -> None:
    laptop = Laptop(account=GrantedAccount(granted={MODEL: 1000}), chunk_records=2)
    job_id = laptop.drop(chat_file(40))

    assert laptop.plan(job_id)["max_concurrency"] < 4
    assert laptop.plan(job_id)["max_concurrency"] < 4, "a run that comes again says the same"
