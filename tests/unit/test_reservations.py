"""Tight reservations in whole jobs: what is learnt changes what is reserved, and nothing else."""

import pytest

from batchwright.contractfile import read_contract
from batchwright.errors import ContractInvalid
from batchwright.job import JobRow
from batchwright.money import BILLIONTHS
from tests.fakes import MODEL, ScriptedEngine
from tests.laptop import Laptop, converse_line, jsonl

CONTRACT = 'name: c\nroutes: [{model: "%s", rpm: 100000}]\n' % MODEL  # noqa: UP031 - braces
COUNT = 400
LONG = {100, 395}


def lines() -> bytes:
    wide = {"maxTokens": 2000}
    return jsonl(
        [
            converse_line(str(n), "y" * 4000 if n in LONG else "x" * 200, inferenceConfig=wide)
            for n in range(COUNT)
        ]
    )


def short(text: str = "x") -> bytes:
    wide = {"maxTokens": 2000}
    return jsonl([converse_line(str(n), text * 200, inferenceConfig=wide) for n in range(COUNT)])


def run(more: str = "") -> tuple[Laptop, ScriptedEngine, JobRow]:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine, chunk_records=COUNT)
    laptop.put_contract("c", CONTRACT + more)
    return laptop, engine, laptop.run(lines(), "inbox/c/file.jsonl")


def test_a_job_sends_smaller_limits_and_has_the_same_results() -> None:
    tight, engine, row = run()
    full, other, whole = run("reservations: full\n")

    assert row.counts()["succeeded"] == COUNT
    assert tight.results(row.job_id, "output.jsonl") == full.results(whole.job_id, "output.jsonl")
    limits = [each.max_tokens or 0 for each in engine.calls]
    assert limits[0] == 2000
    assert min(limits) < 100
    assert {each.max_tokens for each in other.calls} == {2000}


def test_an_answer_asked_for_again_is_paid_twice_and_counted_twice() -> None:
    laptop, _, row = run()

    outcomes = laptop.results(row.job_id, "outcomes.jsonl")

    again = {each["index"] for each in outcomes if each["attempts"] == 2}
    assert again
    assert again <= LONG
    assert row.tally.calls == COUNT + len(again)
    assert all(each["usage"]["output_tokens"] > 1000 for each in outcomes if each["index"] in again)
    assert {each["stop_reason"] for each in outcomes} == {"end_turn"}


def test_the_digest_of_a_request_does_not_hold_what_was_learnt() -> None:
    laptop, _, row = run()

    outcomes = laptop.results(row.job_id, "outcomes.jsonl")

    assert len({each["request_digest"] for each in outcomes}) == 2, "one a text"


def test_a_budget_holds_where_some_answers_are_paid_twice() -> None:
    laptop, _, row = run("budget: {usd: 0.004}\n")

    money = laptop.budgets.money(row.job_id)

    assert row.incomplete_reason == "budget:usd"
    assert money.reserved == 0
    assert row.tally.cost_usd is not None
    assert row.tally.cost_usd * BILLIONTHS <= money.spent <= 0.004 * BILLIONTHS


def test_the_next_job_under_the_contract_begins_with_what_the_first_has_learnt() -> None:
    laptop, engine, _ = run()
    laptop.run(short(), "inbox/c/short.jsonl")
    engine.calls.clear()

    laptop.run(short("y"), "inbox/c/another.jsonl")

    assert engine.calls[0].max_tokens == 126, "twice the room for 50 tokens, and some"


def test_an_answer_that_does_not_fit_what_an_earlier_job_has_learnt_raises_it_at_once() -> None:
    laptop, engine, _ = run()
    laptop.run(short(), "inbox/c/short.jsonl")
    engine.calls.clear()

    row = laptop.run(short("y" * 20), "inbox/c/long.jsonl")

    limits = [each.max_tokens or 0 for each in engine.calls]
    assert row.counts()["succeeded"] == COUNT
    assert limits.count(limits[0]) <= 8, "no more than were in flight"
    assert limits[-1] > 1000


@pytest.mark.parametrize(
    "text", [CONTRACT.replace("rpm: 100000", "rpm: 90000"), CONTRACT + "max_attempts: 3\n"]
)
def test_another_contract_begins_anew(text: str) -> None:
    laptop, engine, _ = run()
    engine.calls.clear()

    laptop.put_contract("c", text)
    laptop.run(lines(), "inbox/c/another.jsonl")

    assert engine.calls[0].max_tokens == 2000


def test_files_without_a_contract_have_nothing_in_common() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine, chunk_records=COUNT)
    laptop.run(short())
    engine.calls.clear()

    laptop.run(short("y"), "inbox/another.jsonl")

    assert engine.calls[0].max_tokens == 2000
    assert not [name for name in laptop.schedules.items if name.startswith("learnt#")]


@pytest.mark.parametrize("more", ["reservations: loose\n", "reserve_at_least: 5\n"])
def test_what_a_contract_cannot_say_is_refused(more: str) -> None:
    with pytest.raises(ContractInvalid, match=more.partition(":")[0]):
        read_contract((CONTRACT + more).encode(), name="c")


def test_files_under_a_contract_of_ones_own_called_default_have() -> None:
    laptop = Laptop(chunk_records=COUNT)
    laptop.put_contract("default", CONTRACT.replace("name: c", "name: default"))

    row = laptop.run(short())

    assert row.counts()["succeeded"] == COUNT
    assert any(name.startswith("learnt#") for name in laptop.schedules.items)
