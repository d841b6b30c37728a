"""Cancelling: a job stops within seconds, and ends with a receipt of what it has."""

import itertools
from collections import Counter

import pytest

from batchwright.completion import Completion
from batchwright.job import Reason, Status
from batchwright.places import result_key
from batchwright.request import Request
from tests import timelapse
from tests.fakes import MODEL, ScriptedEngine, echo
from tests.laptop import Laptop, chat_file

SUMMARISE = f"""
name: summarise
routes: [{{model: '{MODEL}', max_tokens: 100}}]
prompt: {{user: "Sum up: {{{{ text }}}}"}}
document: {{tokens: 20, join: "Join: {{{{ parts }}}}"}}
"""
PARAGRAPHS = "\n\n".join(f"This is paragraph {n} of some length." for n in range(9)).encode()


@pytest.fixture
def laptop() -> Laptop:
    return Laptop()


def calls(laptop: Laptop) -> int:
    assert isinstance(laptop.engine, ScriptedEngine)
    return len(laptop.engine.calls)


def running(laptop: Laptop) -> str:
    """A job of which the first chunk is settled."""
    job_id = laptop.drop(chat_file(25))
    laptop.plan(job_id)
    timelapse.run(laptop.invoke(laptop.chunks(job_id)[0]))
    return job_id


def test_a_job_that_is_cancelled_asks_no_more_and_closes_with_what_it_has(laptop: Laptop) -> None:
    job_id = running(laptop)

    told = laptop.cancel(job_id)

    assert (told.wish, told.refusal) == ("cancel", None)
    assert laptop.workflows.started == [job_id, f"{job_id}-close"]
    answer = timelapse.run(laptop.invoke(laptop.chunks(job_id)[1]))
    assert answer == {"state": "stopped", "reason": "cancelled"}
    assert calls(laptop) == 10
    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.status is Status.INCOMPLETE
    assert row.reason is not None
    assert row.reason.code == "cancelled"
    assert row.counts() | {"succeeded": 10, "cancelled": 15, "pending": 0} == row.counts()
    codes = {line["error"]["code"] for line in laptop.results(job_id, "errors.jsonl")}
    assert codes == {"batch_cancelled"}


def test_a_job_is_cancelled_once_however_often_its_message_comes(laptop: Laptop) -> None:
    job_id = running(laptop)

    laptop.cancel(job_id)
    laptop.cancel(job_id)

    assert laptop.workflows.started == [job_id, f"{job_id}-close"]


def test_a_job_that_was_stopped_before_keeps_its_reason(laptop: Laptop) -> None:
    job_id = running(laptop)
    laptop.jobs.stop(job_id, Reason(code="access_denied", message="no model access"))

    laptop.cancel(job_id)
    laptop.close(job_id)

    reason = laptop.row(job_id).reason
    assert reason is not None
    assert reason.code == "access_denied"


def test_a_job_that_has_ended_is_not_cancelled(laptop: Laptop) -> None:
    row = laptop.run(chat_file(2))

    assert laptop.cancel(row.job_id).refusal == "job_ended"

    assert laptop.jobs.stop_reason(row.job_id) is None
    assert laptop.workflows.started == [row.job_id]


def test_an_unknown_job_is_told_and_makes_no_job(laptop: Laptop) -> None:
    assert laptop.cancel("0" * 32).refusal == "job_unknown"
    assert laptop.jobs.rows == {}
    assert laptop.jobs.reasons == {}


def test_a_cancellation_of_the_first_run_does_not_stop_a_redrive(laptop: Laptop) -> None:
    job_id = running(laptop)
    laptop.cancel(job_id)
    laptop.close(job_id)
    laptop.redrive(job_id)

    assert laptop.cancel(job_id, redrive=0).refusal == "redriven_since"

    row = laptop.finish(job_id, 1)
    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == 25
    assert calls(laptop) == 25


def test_a_redrive_is_cancelled_like_a_first_run(laptop: Laptop) -> None:
    job_id = running(laptop)
    laptop.cancel(job_id)
    laptop.close(job_id)
    laptop.redrive(job_id)
    laptop.plan(job_id, redrive=1)
    timelapse.run(laptop.invoke(laptop.chunks(job_id, 1)[0]))
    asked = calls(laptop)

    assert laptop.cancel(job_id, redrive=1).refusal is None
    row = laptop.finish(job_id, 1)

    assert row.status is Status.INCOMPLETE
    assert calls(laptop) == asked
    assert row.counts() | {"succeeded": asked, "cancelled": 25 - asked} == row.counts()
    assert laptop.workflows.started[-1] == f"{job_id}-redrive-1-close"


def test_a_job_that_is_cancelled_while_it_is_planned_is_closed_by_its_own_workflow(
    laptop: Laptop,
) -> None:
    job_id = laptop.drop(chat_file(25))
    left = iter([900.0])
    assert laptop.plan(job_id, lambda: next(left, 0.0)) == {"state": "more"}
    laptop.cancel(job_id)
    before = laptop.row(job_id)

    assert laptop.close(job_id) == {"state": "done"}
    assert laptop.row(job_id) == before
    assert laptop.objects.versions.get(result_key(job_id, "receipt.json")) is None

    assert laptop.plan(job_id) == {"state": "stopped"}
    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.counts() | {"total": 25, "cancelled": 25} == row.counts()
    assert calls(laptop) == 0


def test_a_redrive_that_is_cancelled_before_it_is_planned_is_closed_by_its_own_workflow(
    laptop: Laptop,
) -> None:
    job_id = running(laptop)
    laptop.cancel(job_id)
    laptop.close(job_id)
    laptop.redrive(job_id)
    laptop.cancel(job_id, redrive=1)

    assert laptop.close(job_id, redrive=1) == {"state": "done"}
    assert not laptop.row(job_id).status.final

    row = laptop.finish(job_id, 1)
    assert row.counts() | {"succeeded": 10, "cancelled": 15} == row.counts()
    assert calls(laptop) == 10


def test_no_round_of_a_document_is_planned_after_a_stop(laptop: Laptop) -> None:
    laptop.put_contract("summarise", SUMMARISE)
    job_id = laptop.drop(PARAGRAPHS, "inbox/summarise/handbook.md")
    planned = laptop.plan(job_id)
    for chunk in laptop.chunks(job_id):
        timelapse.run(laptop.invoke(chunk))
    asked = calls(laptop)

    laptop.cancel(job_id)

    assert laptop.join(job_id, planned["join"]) == {"state": "stopped"}
    laptop.close(job_id)
    assert laptop.row(job_id).counts()["succeeded"] == asked


def test_no_round_of_a_document_is_planned_when_the_job_was_closed(laptop: Laptop) -> None:
    laptop.put_contract("summarise", SUMMARISE)
    job_id = laptop.drop(PARAGRAPHS, "inbox/summarise/handbook.md")
    planned = laptop.plan(job_id)
    for chunk in laptop.chunks(job_id):
        timelapse.run(laptop.invoke(chunk))
    laptop.close(job_id)
    row = laptop.row(job_id)

    assert laptop.join(job_id, planned["join"]) == {"state": "stopped"}
    assert laptop.row(job_id) == row


def test_a_round_that_was_planned_is_not_planned_otherwise(laptop: Laptop) -> None:
    laptop.put_contract("summarise", SUMMARISE)
    job_id = laptop.drop(PARAGRAPHS, "inbox/summarise/handbook.md")
    planned = laptop.plan(job_id)
    for chunk in laptop.chunks(job_id):
        timelapse.run(laptop.invoke(chunk))
    first = laptop.join(job_id, planned["join"])
    row, versions = laptop.row(job_id), dict(laptop.objects.versions)
    laptop.chunk_records = 1

    assert laptop.join(job_id, planned["join"]) == first

    assert laptop.row(job_id) == row
    assert laptop.objects.versions == versions


def test_a_plan_that_stands_is_not_made_otherwise(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(25))
    first = laptop.plan(job_id)
    versions = dict(laptop.objects.versions)
    laptop.chunk_records = 3
    laptop.objects.delete("inbox/file.jsonl")

    assert laptop.plan(job_id) == first

    assert laptop.objects.versions | {"inbox/file.jsonl": versions["inbox/file.jsonl"]} == versions
    assert laptop.events.said.count((job_id, Status.RUNNING)) == 1


def test_a_job_that_has_ended_is_not_planned_again(laptop: Laptop) -> None:
    row = laptop.run(chat_file(3))

    assert laptop.plan(row.job_id) == {"state": "settled"}
    assert laptop.row(row.job_id) == row


def test_a_job_that_is_closed_from_two_sides_has_one_receipt() -> None:
    laptop = Laptop(chunk_records=4, seconds=lambda: 0.0)
    job_id = running(laptop)
    laptop.cancel(job_id)
    once = Laptop(chunk_records=4, seconds=lambda: 0.0)
    running(once)
    once.cancel(job_id)
    once.close(job_id)

    looks = itertools.count()

    def other_side() -> float:
        """Close the job, whole, while the first side is in the middle of it."""
        if next(looks) == 3:
            laptop.close(job_id)
        return 900.0

    laptop.close(job_id, time_left=other_side)

    row = laptop.row(job_id)
    assert row == once.row(job_id)
    for name in ("output.jsonl", "errors.jsonl", "outcomes.jsonl"):
        key = result_key(job_id, name)
        assert laptop.objects.read(key) == once.objects.read(key)
    assert len(laptop.objects.versions[result_key(job_id, "receipt.json")]) == 1
    assert laptop.late == once.late


def test_what_a_worker_answers_after_the_close_changes_nothing(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(10))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)

    def script(request: Request, call: int) -> Completion:
        if call == 4:
            laptop.cancel(job_id)
            laptop.close(job_id)
        return echo(request, call)

    laptop.engine = ScriptedEngine(script)

    timelapse.run(laptop.invoke(chunk, in_flight=1))

    row = laptop.row(job_id)
    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert Counter(outcome["status"] for outcome in outcomes) == {"cancelled": 10}
    assert row.counts() | {"cancelled": 10, "pending": 0} == row.counts()


@pytest.mark.parametrize(
    "wish", [{}, {"job": "j", "redrive": -1}, {"job": "j", "redrive": "0"}, {"job": ["j"]}, None]
)
def test_a_message_that_is_no_cancellation_becomes_a_refused_job(
    laptop: Laptop, wish: object
) -> None:
    (told,) = laptop.admit({"cancel": wish}, "m1")

    assert told.refusal == "invalid_message"
