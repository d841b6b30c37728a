"""A job through Bedrock's batch inference, from the file to the receipt, in memory."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.batchjob import BatchStatus
from batchwright.handover import chunks_of
from batchwright.job import Status
from tests import timelapse
from tests.fakes import MODEL, ScriptedEngine
from tests.lanelaptop import BATCH, LaneLaptop, tool_lines
from tests.laptop import Laptop, chat_file, chat_line, jsonl, song


def laptop_with(**given: Any) -> LaneLaptop:
    return LaneLaptop(engine=ScriptedEngine(), **given)


def asked(laptop: LaneLaptop) -> list[Any]:
    engine: Any = laptop.engine
    return list(engine.calls)


def test_a_file_goes_through_one_batch_and_every_record_has_its_own_answer() -> None:
    laptop = laptop_with()
    job_id, (submission,) = laptop.batch(chat_file(300))

    row = laptop.to_the_end(job_id)

    assert row.status is Status.COMPLETED
    assert row.lane == "bedrock_batch"
    assert row.counts()["succeeded"] == 300
    assert (submission.chunks, submission.records) == (30, 300)
    assert len(laptop.batches.runs) == 1
    assert asked(laptop) == []
    said = {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in laptop.results(job_id, "output.jsonl")
    }
    assert said == {f"req-{number}": song(number) for number in range(300)}
    assert laptop.turns == ["Submit", "Collect"]


def test_the_outcomes_tell_the_batchs_price_and_one_call_each() -> None:
    laptop = laptop_with()
    job_id, _ = laptop.batch(chat_file(100))

    row = laptop.to_the_end(job_id)

    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert {outcome["tier"] for outcome in outcomes} == {"batch"}
    assert {outcome["attempts"] for outcome in outcomes} == {1}
    assert row.tally.calls == 100
    assert row.tally.cost_usd == pytest.approx(100 * (2 * 0.06 + 1 * 0.24) / 2 / 1_000_000)


def test_the_outcomes_are_those_of_the_same_file_on_demand() -> None:
    lines = [chat_line(f"req-{number}", song(number)) for number in range(120)]
    lines[7]["body"]["tools"] = "none"
    lane, at_once = laptop_with(), Laptop(engine=ScriptedEngine())
    at_once.put_contract("batch", BATCH.replace("lane: bedrock_batch\n", ""))

    lane.to_the_end(lane.batch(jsonl(lines))[0])
    at_once.run(jsonl(lines), "inbox/batch/file.jsonl")

    (lane_job,), (other,) = lane.jobs.rows, at_once.jobs.rows

    def told(outcome: dict[str, Any]) -> tuple[Any, ...]:
        names = ("record_id", "status", "error", "model", "attempts", "verdict", "input_digest")
        return tuple(json.dumps(outcome[name]) for name in names)

    assert [*map(told, lane.results(lane_job, "outcomes.jsonl"))] == [
        *map(told, at_once.results(other, "outcomes.jsonl"))
    ]


CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.mark.parametrize("model", [MODEL, CLAUDE])
def test_records_with_and_without_tools_are_one_batch(model: str) -> None:
    contract = BATCH.replace(MODEL, model)
    laptop = laptop_with(contract=contract, models=(model,))
    job_id, (submission,) = laptop.batch(jsonl(tool_lines(120)))

    row = laptop.to_the_end(job_id)

    (run,) = laptop.batches.runs.values()
    assert submission.family == ("anthropic" if model == CLAUDE else "nova")
    assert not run.wish.converse
    assert row.counts()["succeeded"] == len(run.records) == 120
    assert asked(laptop) == []
    for line in laptop.results(job_id, "output.jsonl"):
        number = int(line["custom_id"].removeprefix("req-"))
        choice = line["response"]["body"]["choices"][0]
        if number % 4 == 0:
            (call,) = choice["message"]["tool_calls"]
            assert choice["finish_reason"] == "tool_calls"
            assert call["function"]["name"] == "look_up"
            assert json.loads(call["function"]["arguments"]) == {"what": song(number)}
        else:
            said = f"heard {song(number)}" if number % 4 == 2 else song(number)
            assert choice["message"]["content"] == said


@pytest.mark.parametrize(("model", "price"), [(MODEL, (0.06, 0.24)), (CLAUDE, (1.1, 5.5))])
def test_tools_cost_half_in_a_batch_and_keep_to_the_budget(
    model: str, price: tuple[float, float]
) -> None:
    contract = BATCH.replace(MODEL, model) + "budget: {usd: 10}\n"
    laptop = laptop_with(contract=contract, models=(model,))
    job_id, _ = laptop.batch(jsonl(tool_lines(100)))

    row = laptop.to_the_end(job_id)

    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert {outcome["tier"] for outcome in outcomes} == {"batch"}
    read, wrote = (
        sum(o["usage"][name] for o in outcomes) for name in ("input_tokens", "output_tokens")
    )
    assert row.tally.cost_usd == pytest.approx((read * price[0] + wrote * price[1]) / 2 / 1_000_000)
    money = laptop.budgets.money(job_id)
    assert money.reserved == 0
    assert money.spent == pytest.approx((row.tally.cost_usd or 0) * 1e9, rel=0.01)


def test_what_a_batch_refuses_in_other_words_is_asked_in_converses() -> None:
    laptop = laptop_with()
    laptop.batches.behave(faults=[{"do": "error", "code": 400, "match": "sing 3 "}])
    job_id, _ = laptop.batch(jsonl(tool_lines(100)))

    row = laptop.to_the_end(job_id)

    assert row.counts()["succeeded"] == 100
    assert len(asked(laptop)) == 1


def test_a_file_that_is_too_small_goes_on_demand() -> None:
    laptop = laptop_with()
    job_id = laptop.drop(chat_file(99), "inbox/batch/file.jsonl")

    planned = laptop.plan(job_id)

    assert laptop.row(job_id).lane == "on_demand"
    assert planned["plan"]["key"].endswith("plan.jsonl")


def test_a_large_file_is_divided_so_that_no_batch_is_too_small() -> None:
    laptop = laptop_with(chunk_records=1000)
    job_id, submissions = laptop.batch(chat_file(51_050))

    assert [submission.records for submission in submissions] == [26_000, 25_050]
    listed = [chunks_of(submission, laptop.objects) for submission in submissions]
    numbers = [chunk.chunk for chunks in listed for chunk, _ in chunks]
    assert numbers == [*range(52)], "each chunk is in one of them"
    planned = laptop.plan(job_id)
    assert planned["lane"] == "bedrock_batch"
    assert planned["plan"]["key"].endswith("submissions.jsonl")
    assert planned["max_concurrency"] == 20, (
        "as many as may run at once, and not as there are workers"
    )


def test_an_execution_that_takes_over_finds_the_batch_of_the_one_that_died() -> None:
    laptop = laptop_with()
    job_id, (submission,) = laptop.batch(chat_file(100))
    timelapse.run(laptop.submit(submission))
    laptop.pass_time(30)

    planned = laptop.plan(job_id)
    row = laptop.to_the_end(job_id)

    assert planned["lane"] == "bedrock_batch"
    assert planned["plan"]["key"].endswith("submissions.jsonl")
    assert row.counts()["succeeded"] == 100
    assert len(laptop.batches.runs) == 1
    assert asked(laptop) == []


def test_a_lost_event_is_made_up_for_by_looking() -> None:
    laptop = laptop_with(deaf=True)
    job_id, _ = laptop.batch(chat_file(100))

    row = laptop.to_the_end(job_id)

    assert row.counts()["succeeded"] == 100
    assert laptop.turns == ["Submit", "Collect"]
    assert laptop.passed >= 930


async def test_a_submission_that_still_runs_is_waited_for_again() -> None:
    laptop = laptop_with()
    laptop.batches.behave(in_progress=5_000)
    _, (submission,) = laptop.batch(chat_file(100))

    assert await laptop.child(submission) == "done"

    assert laptop.turns.count("Submit") > 2
    assert len(laptop.batches.runs) == 1
    assert laptop.seen.status == BatchStatus.COMPLETED


faults = st.lists(
    st.fixed_dictionaries(
        {
            "do": st.sampled_from(["drop", "double", "extra", "error"]),
            "match": st.builds("sing [0-9]*{} ".format, st.integers(0, 9)),
            "code": st.sampled_from([400, 429, 500]),
        }
    ),
    max_size=3,
)
ends = st.none() | st.fixed_dictionaries(
    {"do": st.sampled_from(["partial", "expire", "fail"]), "after": st.integers(0, 120)}
)


@settings(max_examples=40, deadline=None)
@given(faults=faults, end=ends, missing=st.sampled_from(["on_demand", "fail"]), deaf=st.booleans())
def test_whatever_a_batch_does_every_record_has_one_outcome_and_no_other_ones_answer(
    faults: list[dict[str, Any]], end: dict[str, Any] | None, missing: str, *, deaf: bool
) -> None:
    laptop = laptop_with(contract=f"{BATCH}missing: {missing}\n", deaf=deaf, chunk_records=40)
    laptop.batches.behave(faults=[*faults, *([end] if end else [])])
    job_id, _ = laptop.batch(chat_file(110))

    row = laptop.to_the_end(job_id)

    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert [outcome["index"] for outcome in outcomes] == [*range(110)]
    for line in laptop.results(job_id, "output.jsonl"):
        said = line["response"]["body"]["choices"][0]["message"]["content"]
        assert said == song(int(line["custom_id"].removeprefix("req-")))
    assert row.counts()["succeeded"] + row.counts()["failed"] == 110
    assert row.tally.calls == sum(outcome["attempts"] for outcome in outcomes)
    assert len(laptop.batches.asked) <= 110
    if missing == "fail":
        assert asked(laptop) == []
    else:
        told = {outcome["error"]["code"] for outcome in outcomes if outcome["error"]}
        assert told <= {"invalid_request"}
