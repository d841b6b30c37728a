"""A step of one submission fails after all its tries: it and the others stop their batches, and lose no answer."""

from batchwright.job import Status
from tests import timelapse
from tests.fakes import ScriptedEngine
from tests.lanelaptop import LaneLaptop
from tests.laptop import chat_file

FAILURE = {"Error": "LogBroken", "Cause": "somebody's words"}


def test_a_submission_that_fails_stops_the_job_and_wakes_the_others_who_settle_what_they_have() -> (
    None
):
    laptop = LaneLaptop(engine=ScriptedEngine(), chunk_records=1000)
    laptop.batches.behave(in_progress=1_000, stopping=60)
    job_id, (failing, other) = laptop.batch(chat_file(50_200))
    tokens = [timelapse.run(laptop.submit(each))[0] for each in (failing, other)]
    laptop.pass_time(700)

    answer = timelapse.run(laptop.give_up(failing, FAILURE))

    assert answer == {"state": "stopped", "reason": "workflow_failed"}
    assert laptop.tasks.told == {token: {"state": "ended"} for token in tokens}
    assert timelapse.run(laptop.child(failing, "Collect")) == "stopped"
    assert timelapse.run(laptop.child(other)) == "stopped"
    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.status is Status.INCOMPLETE
    assert row.reason is not None
    assert row.reason.code == "workflow_failed"
    assert "LogBroken" in row.reason.message
    assert "somebody's words" not in row.reason.message
    counts = row.counts()
    assert 5_000 < counts["succeeded"] < 50_200
    assert counts["succeeded"] + counts["failed"] == 50_200
    succeeded = [
        each["index"]
        for each in laptop.results(job_id, "outcomes.jsonl")
        if each["status"] == "succeeded"
    ]
    assert min(succeeded) < failing.records <= max(succeeded), "nor does it lose what it has itself"


def test_a_job_that_was_stopped_before_keeps_its_reason() -> None:
    laptop = LaneLaptop(engine=ScriptedEngine())
    job_id, (submission,) = laptop.batch(chat_file(100))
    laptop.cancel(job_id)

    assert timelapse.run(laptop.give_up(submission, FAILURE))["state"] == "stopped"

    reason = laptop.jobs.stop_reason(job_id)
    assert reason is not None
    assert reason.code == "cancelled"
