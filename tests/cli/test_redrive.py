"""Redrive and cancel, as people and as programs are told."""

import json
from pathlib import Path

import pytest

from batchwright.cli.faults import Halt
from batchwright.cli.stack import find_stack
from batchwright.cli.watch import wait
from batchwright.completion import Completion
from batchwright.errors import AccessDenied
from batchwright.job import Redrive, Status
from batchwright.outcome import Ending
from batchwright.request import Request
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.cli.test_watch import Hours
from tests.fakes import NOON, ScriptedEngine, texts_of, withholding
from tests.laptop import song


def running(cloud: Cloud, batchwright: Command, mails: Path) -> str:
    """A job of which the first of two chunks is settled."""
    batchwright("submit", mails)
    (admitted,) = cloud.admit()
    first, _second = cloud.plan(admitted.job_id)
    cloud.invoke(first)
    return admitted.job_id


def cancelled(cloud: Cloud, batchwright: Command, mails: Path) -> str:
    job_id = running(cloud, batchwright, mails)
    batchwright("cancel", job_id)
    cloud.run()
    return job_id


def redrive(*only: Ending) -> Redrive:
    """A first redrive that was wished for."""
    return Redrive(number=1, only=only, began_at=NOON)


def test_a_job_that_is_cancelled_stops_before_anybody_reads_the_message(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    job_id = running(cloud, batchwright, mails)

    said = batchwright("cancel", job_id)

    assert said.code == 0
    assert f"job {job_id} is told to stop" in said.err
    reason = cloud.jobs.stop_reason(job_id)
    assert reason is not None
    assert reason.code == "cancelled"
    assert [json.loads(body) for body in cloud.messages()] == [
        {"cancel": {"job": job_id, "redrive": 0}}
    ]


def test_a_cancelled_job_says_so(cloud: Cloud, batchwright: Command, mails: Path) -> None:
    job_id = cancelled(cloud, batchwright, mails)

    said = batchwright("status", job_id, "--json")

    assert said.code == 3
    assert said.json["status"] == "incomplete"
    assert said.json["incomplete_reason"] == "cancelled"
    counts = said.json["counts"]
    assert counts["succeeded"] > 0
    assert counts["succeeded"] + counts["cancelled"] == counts["total"] == 5
    assert len(cloud.engine.calls) == counts["succeeded"]


def test_a_cancelled_job_is_redriven_to_its_end(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path
) -> None:
    job_id = cancelled(cloud, batchwright, mails)

    sent = batchwright("redrive", job_id, "--json")
    (row,) = cloud.run()

    assert sent.code == 0
    assert sent.json["status"] == "received"
    assert sent.json["redrive"]["number"] == 1
    assert row.job_id == job_id
    assert len(cloud.engine.calls) == 5
    told = batchwright("status", job_id)
    assert told.code == 0
    assert "redrive    1\n" in told.out
    assert "5: 5 succeeded" in told.out
    brought = batchwright("results", job_id, "-o", tmp_path / "out", "--json")
    assert brought.code == 0
    output = (tmp_path / "out" / "output.jsonl").read_bytes()
    assert output == cloud.objects.read(f"results/{job_id}/redrives/01/output.jsonl")
    assert batchwright("watch", job_id).code == 0


def test_a_redrive_asks_the_endings_that_are_named(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    cloud.engine = ScriptedEngine(withholding(song(2)))
    batchwright("submit", mails)
    (row,) = cloud.run()
    cloud.engine = ScriptedEngine()

    batchwright("redrive", row.job_id, "--only", "blocked", "--only", "failed")
    cloud.run()

    assert [texts_of(request)[-1] for request in cloud.engine.calls] == [song(2)]
    told = batchwright("status", row.job_id)
    assert told.code == 0
    assert "1, also of what was failed, blocked" in told.out


def test_a_job_that_the_model_refused_is_redriven_and_watched_to_its_end(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    def forbidden(_request: Request, _call: int) -> Completion:
        raise AccessDenied("no model access")

    cloud.engine = ScriptedEngine(forbidden)
    batchwright("submit", mails)
    (row,) = cloud.run()
    assert batchwright("status", row.job_id).code == 4
    cloud.engine = ScriptedEngine()
    assert batchwright("redrive", row.job_id).code == 0
    hours = Hours([cloud.run])

    ended = wait(row.job_id, find_stack(), hours.watcher(cloud.jobs), redrive=redrive())

    assert len(hours.pauses) == 1, "the first run's end is not taken for the redrive's"
    assert ended.status is Status.COMPLETED
    assert ended.counts()["succeeded"] == 5


def test_a_redrive_that_never_begins_is_said(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    job_id = cancelled(cloud, batchwright, mails)
    watcher = Hours().watcher(cloud.jobs)

    with pytest.raises(Halt, match=f"redrive 1 of job {job_id} has not appeared within 60 s"):
        wait(job_id, find_stack(), watcher, redrive=redrive())


def test_a_redrive_that_began_with_other_endings_is_not_taken_for_the_one_that_was_wished(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    job_id = cancelled(cloud, batchwright, mails)

    first = batchwright("redrive", job_id, "--only", "failed")
    second = batchwright("redrive", job_id, "--only", "cancelled")
    cloud.admit()

    assert first.code == second.code == 0
    assert "use --wait" in first.err
    with pytest.raises(Halt, match=f"redrive 1 of job {job_id} began with other endings: failed"):
        wait(job_id, find_stack(), Hours().watcher(cloud.jobs), redrive=redrive(Ending.CANCELLED))


def test_a_job_that_runs_is_not_redriven(cloud: Cloud, batchwright: Command, mails: Path) -> None:
    job_id = running(cloud, batchwright, mails)

    said = batchwright("redrive", job_id)

    assert said.code == 4
    assert "wait for its end, or cancel it" in said.err
    assert cloud.messages() == []


def test_a_job_that_has_ended_is_not_cancelled(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()

    said = batchwright("cancel", row.job_id)

    assert said.code == 4
    assert f"job {row.job_id} has ended already: completed" in said.err
    assert cloud.messages() == []
    assert cloud.jobs.stop_reason(row.job_id) is None


def test_a_refused_file_is_not_redriven(cloud: Cloud, batchwright: Command, tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.write_bytes(b"\n\n")
    batchwright("submit", file)
    (row,) = cloud.run()

    said = batchwright("redrive", row.job_id)

    assert said.code == 4
    assert "submit the file again" in said.err


@pytest.mark.parametrize("command", ["redrive", "cancel"])
def test_an_unknown_job_is_code_4(cloud: Cloud, batchwright: Command, command: str) -> None:
    said = batchwright(command, "0123456789abcdef", "--json")

    assert said.code == 4
    assert said.out == ""
    assert "there is no job '0123456789abcdef'" in said.err
    assert cloud.messages() == []


def test_a_success_cannot_be_named_to_be_asked_again(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    job_id = cancelled(cloud, batchwright, mails)

    said = batchwright("redrive", job_id, "--only", "succeeded")

    assert said.code == 2
    assert cloud.messages() == []
