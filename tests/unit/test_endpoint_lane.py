"""A job through the queue of an endpoint, from the file to the receipt: fault 42 of the list, and what else befalls."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from batchwright.errors import AccessDenied, Throttled, TimedOut, Unavailable
from batchwright.job import Status
from batchwright.places import batch_prefix
from tests.canary import CANARY
from tests.endpointlaptop import ENDPOINT, EndpointLaptop
from tests.fakes import ScriptedEngine
from tests.laptop import Laptop, chat_file, chat_line, jsonl, song

FAILING = ENDPOINT + "missing: fail\n"
LINES = ENDPOINT.replace("endpoint: own", "endpoint: own, payload: jsonl")


def laptop_with(contract: str = ENDPOINT, **given: Any) -> EndpointLaptop:
    return EndpointLaptop(engine=ScriptedEngine(), contract=contract, chunk_records=100, **given)


def on_demand(laptop: Laptop) -> int:
    """How many calls were made on demand."""
    engine: Any = laptop.engine
    return len(engine.calls)


def said(laptop: Laptop, job_id: str) -> dict[str, str]:
    return {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in laptop.results(job_id, "output.jsonl")
    }


def songs(count: int) -> dict[str, str]:
    return {f"req-{number}": song(number) for number in range(count)}


def codes(laptop: Laptop, job_id: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for outcome in laptop.results(job_id, "outcomes.jsonl"):
        code = outcome["error"]["code"] if outcome["error"] else outcome["status"]
        found[code] = found.get(code, 0) + 1
    return found


@pytest.mark.parametrize("contract", [ENDPOINT, LINES])
def test_every_record_has_its_own_answer_and_was_asked_once(contract: str) -> None:
    laptop = laptop_with(contract)
    job_id, submissions = laptop.batch(chat_file(250))

    row = laptop.to_the_end(job_id)

    assert (row.status, row.lane) == (Status.COMPLETED, "sagemaker_async")
    assert [submission.records for submission in submissions] == [100, 75, 75]
    assert said(laptop, job_id) == songs(250)
    assert len(laptop.endpoints.calls) == (3 if contract == LINES else 250)
    assert (len(laptop.endpoints.paid), row.tally.calls, on_demand(laptop)) == (250, 250, 0)
    assert laptop.turns == ["Submit", "Collect"] * 3


def test_the_outcomes_are_those_of_the_same_file_on_demand() -> None:
    lines = [chat_line(f"req-{number}", song(number)) for number in range(60)]
    lines[7]["body"]["tools"] = "none"
    lane, at_once = laptop_with(), Laptop(engine=ScriptedEngine())
    at_once.put_contract("batch", ENDPOINT.replace("lane: sagemaker_async\n", ""))

    lane_job = lane.batch(jsonl(lines))[0]
    lane.to_the_end(lane_job)
    at_once.run(jsonl(lines), "inbox/batch/file.jsonl")

    (other,) = at_once.jobs.rows

    def told(outcome: dict[str, Any]) -> tuple[Any, ...]:
        names = ("record_id", "status", "error", "model", "attempts", "verdict", "input_digest")
        return tuple(json.dumps(outcome[name]) for name in names)

    assert [*map(told, lane.results(lane_job, "outcomes.jsonl"))] == [
        *map(told, at_once.results(other, "outcomes.jsonl"))
    ]


def test_a_call_is_labelled_with_its_submission_and_record_and_never_with_its_text() -> None:
    laptop = laptop_with()
    job_id, (submission,) = laptop.batch(jsonl([chat_line("r", CANARY)]))

    laptop.to_the_end(job_id)

    (call,) = laptop.endpoints.calls
    assert call.inference_id == f"{submission.name}-0"
    assert len(call.inference_id) <= 64
    assert (call.folder, call.filename) == (f"{job_id}/00/000000", "00000000000.out")
    assert call.ttl == 21_600  # the deadline is a day away


def test_a_success_that_is_told_twice_counts_once() -> None:
    laptop = laptop_with()
    laptop.endpoints.behave(faults=[{"do": "double_notification"}])
    job_id, _ = laptop.batch(chat_file(20))

    laptop.to_the_end(job_id)

    assert said(laptop, job_id) == songs(20)
    assert len(laptop.endpoints.notices) == 40
    assert laptop.row(job_id).tally.calls == 20


async def test_half_of_the_answers_wake_nobody_and_the_last_one_does() -> None:
    laptop = laptop_with(works=False)
    _, (submission,) = laptop.batch(chat_file(10))
    token, answer = await laptop.submit(submission)

    laptop.endpoints.work(9)
    laptop.deliver()
    told_after_nine = token in laptop.tasks.told
    laptop.endpoints.work()
    laptop.deliver()

    assert (answer, told_after_nine) == (None, False)
    assert laptop.tasks.told[token] == {"state": "ended"}


async def test_successes_that_are_told_before_anybody_waits_are_collected_at_once() -> None:
    laptop = laptop_with()
    laptop.endpoints.at_once = True
    _, (submission,) = laptop.batch(chat_file(10))
    noted = laptop.submissions.started

    def late(name: str, place: str) -> None:
        laptop.deliver()  # all of it ends, and is told, before its place is noted
        noted(name, place)

    laptop.submissions.started = late  # type: ignore[method-assign]

    _, answer = await laptop.submit(submission)

    assert answer == {"state": "ended"}
    assert await laptop.collect(submission) == {"state": "done"}


async def test_a_notification_before_the_row_is_left_alone_and_the_poll_finds_the_answer() -> None:
    laptop = laptop_with(works=False)
    _, (submission,) = laptop.batch(chat_file(5))
    early = {"eventSource": "aws:sagemaker", "inferenceId": f"{submission.name}-0"}

    woken = laptop.notify(early)
    assert not woken.woke
    assert laptop.submissions.get(submission.name) is None

    laptop.works = True
    assert await laptop.child(submission) == "done"


def test_notifications_that_are_all_lost_are_made_up_for_by_looking() -> None:
    laptop = laptop_with(deaf=True)
    job_id, _ = laptop.batch(chat_file(30))

    laptop.to_the_end(job_id)

    assert said(laptop, job_id) == songs(30)
    assert laptop.turns == ["Submit", "Collect"]
    assert laptop.passed >= 930


def test_a_failure_of_the_service_is_asked_again_on_demand() -> None:
    laptop = laptop_with()
    laptop.endpoints.behave(faults=[{"do": "fail", "code": 500, "times": 3}])
    job_id, _ = laptop.batch(chat_file(20))

    laptop.to_the_end(job_id)

    assert said(laptop, job_id) == songs(20)
    assert on_demand(laptop) == 3
    assert laptop.seen.missing == 0


def test_a_failure_that_is_the_records_own_ends_it() -> None:
    laptop = laptop_with()
    laptop.endpoints.behave(faults=[{"do": "fail", "code": 400, "times": 3}])
    job_id, _ = laptop.batch(chat_file(20))

    row = laptop.to_the_end(job_id)

    assert codes(laptop, job_id) == {"succeeded": 17, "invalid_request": 3}
    assert (row.counts()["failed"], on_demand(laptop)) == (3, 0)


@pytest.mark.parametrize("do", ["expire", "lose_output"])
def test_what_expired_or_left_no_answer_is_asked_on_demand_at_once(do: str) -> None:
    laptop = laptop_with()
    laptop.endpoints.behave(faults=[{"do": do, "times": 4}])
    job_id, _ = laptop.batch(chat_file(20))

    laptop.to_the_end(job_id)

    assert said(laptop, job_id) == songs(20)
    assert (on_demand(laptop), laptop.seen.missing) == (4, 4)
    assert laptop.passed < 930  # it was told: nobody waits for what will not come


@pytest.mark.parametrize("do", ["expire", "lose_output"])
def test_what_left_no_answer_fails_where_the_contract_says_so(do: str) -> None:
    laptop = laptop_with(FAILING)
    laptop.endpoints.behave(faults=[{"do": do, "times": 4}])
    job_id, _ = laptop.batch(chat_file(20))

    laptop.to_the_end(job_id)

    assert codes(laptop, job_id) == {"succeeded": 16, "not_answered": 4}
    assert on_demand(laptop) == 0


def test_an_endpoint_that_never_works_is_given_up_when_its_calls_have_expired() -> None:
    laptop = laptop_with(works=False, deaf=True)
    job_id, _ = laptop.batch(chat_file(10))

    laptop.to_the_end(job_id)

    assert said(laptop, job_id) == songs(10)
    assert on_demand(laptop) == 10
    assert laptop.seen.status == "expired"
    assert 21_600 < laptop.passed < 25_000


def test_an_answer_in_no_known_shape_is_malformed() -> None:
    laptop = laptop_with()
    laptop.endpoints.answer = lambda _: {"text": CANARY}
    job_id, _ = laptop.batch(chat_file(3))

    laptop.to_the_end(job_id)

    assert codes(laptop, job_id) == {"malformed_completion": 3}


def test_a_payload_whose_answers_are_too_few_is_nobodys_answer() -> None:
    laptop = laptop_with(LINES)
    job_id, (submission,) = laptop.batch(chat_file(3))
    work = laptop.endpoints.work

    def cut(most: int | None = None) -> None:
        work(most)
        key = f"endpoints/output/{job_id}/00/{submission.submission:06d}/all.out"
        if key in laptop.objects.versions:
            laptop.objects.write(key, laptop.objects.read(key).split(b"\n")[0])

    laptop.endpoints.work = cut  # type: ignore[method-assign]

    laptop.to_the_end(job_id)

    assert codes(laptop, job_id) == {"malformed_completion": 3}


async def test_who_dies_while_handing_over_repeats_only_what_was_not_noted() -> None:
    laptop = laptop_with(works=False)
    job_id, (submission,) = laptop.batch(chat_file(70))
    send = laptop.endpoints.send

    class Killed(BaseException):
        pass

    def dying(call: Any) -> Any:
        if len(laptop.endpoints.calls) == 50:
            laptop.endpoints.send = send  # type: ignore[method-assign]
            raise Killed
        return send(call)

    laptop.endpoints.send = dying  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await laptop.submit(submission)
    laptop.works = True

    assert await laptop.child(submission) == "done"
    laptop.close(job_id)

    assert said(laptop, job_id) == songs(70)
    assert len(laptop.endpoints.calls) == 50 + 30  # forty of the fifty were noted
    tally = laptop.row(job_id).tally
    assert (tally.calls, tally.ambiguous_calls) == (70 + 20, 20)
    assert tally.calls >= len(laptop.endpoints.calls), (
        "all are counted, and those that may have been made"
    )


@pytest.mark.parametrize(
    ("refusal", "times"), [(Throttled("too fast"), 2), (Unavailable("down"), 0)]
)
async def test_a_refusal_half_way_goes_on_where_it_stopped(refusal: Any, times: int) -> None:
    laptop = laptop_with(works=False)
    _, (submission,) = laptop.batch(chat_file(10))
    send, made = laptop.endpoints.send, [0]

    def refusing(call: Any) -> Any:
        made[0] += 1
        if made[0] in {5, 8}:
            raise refusal
        return send(call)

    laptop.endpoints.send = refusing  # type: ignore[method-assign]
    answers = []
    for _ in range(3):
        try:
            answers.append((await laptop.submit(submission))[1])
        except Unavailable:  # the workflow calls again
            answers.append(None)

    assert [answer["state"] for answer in answers if answer] == ["paused"] * times
    assert len(laptop.endpoints.calls) == 10


async def test_a_reply_that_was_lost_lets_the_workflow_call_again() -> None:
    laptop = laptop_with()
    _, (submission,) = laptop.batch(chat_file(3))
    laptop.endpoints.refusal = TimedOut("no reply")

    with pytest.raises(Unavailable):
        await laptop.submit(submission)

    assert await laptop.child(submission) == "done"
    tally = laptop.jobs.progress(submission.job_id)
    assert (tally.calls, tally.ambiguous_calls) == (3 + 1, 1), (
        "it may have been made, and is counted"
    )


async def test_who_hands_over_beside_a_successor_stops_at_its_next_note_and_its_calls_are_counted() -> (
    None
):
    laptop = laptop_with(works=False)
    job_id, (submission,) = laptop.batch(chat_file(70))
    send = laptop.endpoints.send

    def overtaken(call: Any) -> Any:
        if len(laptop.endpoints.calls) == 30:  # it freezes, and is taken for dead
            laptop.endpoints.send = send  # type: ignore[method-assign]
            with ThreadPoolExecutor(1) as other:
                assert other.submit(asyncio.run, laptop.submit(submission)).result()[1] is None
        return send(call)

    laptop.endpoints.send = overtaken  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="another run"):
        await laptop.submit(submission)
    laptop.works = True

    assert await laptop.child(submission) == "done"
    laptop.close(job_id)

    assert said(laptop, job_id) == songs(70)
    assert len(laptop.endpoints.calls) == 70 + 20
    assert laptop.row(job_id).tally.calls == 70 + 20


async def test_an_endpoint_that_may_not_be_asked_stops_the_job() -> None:
    laptop = laptop_with()
    job_id, (submission,) = laptop.batch(chat_file(3))
    laptop.endpoints.refusal = AccessDenied("no")

    _, answer = await laptop.submit(submission)

    assert answer == {"state": "stopped", "reason": "access_denied"}
    laptop.close(job_id)
    assert laptop.row(job_id).status is not Status.COMPLETED


async def test_only_so_many_records_wait_at_an_endpoint_at_once() -> None:
    laptop = laptop_with(works=False)
    _, submissions = laptop.batch(chat_file(500))
    answers = [(await laptop.submit(each))[1] for each in submissions]

    assert [answer and answer["state"] for answer in answers] == [None, None, *["paused"] * 3]
    assert len(laptop.endpoints.waiting) == 200

    laptop.endpoints.work()
    assert await laptop.collect(submissions[0]) == {"state": "done"}
    assert (await laptop.submit(submissions[2]))[1] is None


def test_chunks_are_no_larger_than_what_may_wait_at_once() -> None:
    laptop = laptop_with(ENDPOINT.replace("endpoint: own", "endpoint: own, in_flight: 30"))
    job_id, submissions = laptop.batch(chat_file(60))

    laptop.to_the_end(job_id)

    assert [submission.records for submission in submissions] == [30, 30]
    assert (len(laptop.endpoints.calls), on_demand(laptop)) == (60, 0)


def test_what_the_container_cannot_honour_is_told_on_demand_and_the_rest_is_handed_over() -> None:
    laptop = laptop_with(ENDPOINT.replace("endpoint: own", "endpoint: own, body: tgi"))
    laptop.endpoints.answer = lambda body: {
        "generated_text": body["inputs"],
        "details": {"finish_reason": "eos_token", "generated_tokens": 1},
    }
    lines = [chat_line(f"req-{number}", song(number)) for number in range(5)]
    lines[2]["body"]["messages"].append({"role": "assistant", "content": "yes"})
    lines[2]["body"]["messages"].append({"role": "user", "content": "go on"})
    job_id, _ = laptop.batch(jsonl(lines))

    laptop.to_the_end(job_id)

    assert len(laptop.endpoints.calls) == 4
    assert on_demand(laptop) == 1
    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert [outcome["estimated"] for outcome in outcomes] == [True, True, False, True, True]


def test_a_budget_sets_aside_what_a_priced_endpoint_may_cost_and_books_what_it_did() -> None:
    price = "endpoint: own, max_tokens: 10, price: {input: 1, output: 2}"
    laptop = laptop_with(ENDPOINT.replace("endpoint: own", price) + "budget: {usd: 1}\n")
    job_id, _ = laptop.batch(chat_file(20))

    row = laptop.to_the_end(job_id)

    money = laptop.budgets.money(job_id)
    assert row.tally.cost_usd == pytest.approx(20 * (2 * 1 + 1 * 2) / 1_000_000)
    assert (money.reserved, money.spent) == (0, 80_000)
    assert on_demand(laptop) == 0


def test_what_waits_is_staged_among_the_jobs_working_files() -> None:
    laptop = laptop_with()
    job_id, _ = laptop.batch(chat_file(3))

    laptop.to_the_end(job_id)

    prefix = batch_prefix(job_id, 0)
    notes = [f"{prefix}placed/{number:06d}.json" for number in range(2)]
    assert [*laptop.objects.keys(prefix)] == [f"{prefix}input.jsonl", *notes]
