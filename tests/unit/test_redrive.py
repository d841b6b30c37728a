"""Redrives: a job that has ended is run again, over the records that are to be asked again and no others."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from batchwright.chunklog import ChunkLog
from batchwright.completion import Completion
from batchwright.errors import AccessDenied, ContentFiltered, LogBroken
from batchwright.job import Status
from batchwright.outcome import Ending
from batchwright.places import RESULTS, plan_key, result_key
from batchwright.ports import Engine
from batchwright.request import Request
from tests import timelapse
from tests.fakes import MODEL, ScriptedEngine, echo, settled, texts_of
from tests.laptop import Laptop, chat_file, converse_line, jsonl, song

FAILURE = {"Error": "States.Timeout", "Cause": ""}
SUMMARISE = f"""
name: summarise
routes: [{{model: '{MODEL}', max_tokens: 100}}]
prompt: {{user: "Sum up: {{{{ text }}}}"}}
document: {{tokens: 20, join: "Join: {{{{ parts }}}}"}}
"""


def asked(laptop: Laptop) -> list[str]:
    """What the engine was asked, every call."""
    assert isinstance(laptop.engine, ScriptedEngine)
    return [texts_of(request)[-1] for request in laptop.engine.calls]


def withholding(*said: str) -> Engine:
    """Withhold the answers to some texts, until somebody takes them off the list."""

    def script(request: Request, call: int) -> Completion:
        if texts_of(request)[-1] in said:
            raise ContentFiltered("withheld")
        return echo(request, call)

    return ScriptedEngine(script)


def forbidden() -> Engine:
    def script(_request: Request, _call: int) -> Completion:
        raise AccessDenied("no model access")

    return ScriptedEngine(script)


def receipt(laptop: Laptop, job_id: str, redrive: int = 0) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(
        laptop.objects.read(result_key(job_id, "receipt.json", redrive))
    )
    return read


def statuses(laptop: Laptop, job_id: str, redrive: int = 0) -> list[str]:
    return [outcome["status"] for outcome in laptop.results(job_id, "outcomes.jsonl", redrive)]


def results_of(laptop: Laptop, *, but: int) -> dict[str, list[bytes | None]]:
    """Every version of every result file, but those of one redrive."""
    mine = f"redrives/{but:02d}/"
    return {
        key: list(versions)
        for key, versions in laptop.objects.versions.items()
        if key.startswith(RESULTS) and mine not in key
    }


def stopped_midway(laptop: Laptop, records: int = 25) -> str:
    """A job of which only the first chunk was asked."""
    job_id = laptop.drop(chat_file(records))
    laptop.plan(job_id)
    timelapse.run(laptop.invoke(laptop.chunks(job_id)[0]))
    laptop.close(job_id, FAILURE)
    return job_id


def test_a_redrive_asks_the_records_that_nobody_was_asked_for_and_no_others() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    assert len(asked(laptop)) == 10

    row = laptop.run_again(job_id)

    assert row.status is Status.COMPLETED
    assert Counter(asked(laptop)) == Counter(song(n) for n in range(25))
    assert row.counts() | {"total": 25, "succeeded": 25, "pending": 0} == row.counts()
    assert row.tally.calls == 25
    assert [chunk.chunk for chunk in laptop.chunks(job_id, 1)] == [1, 2]


def test_the_results_of_a_redrive_hold_every_record_in_input_order() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)

    row = laptop.run_again(job_id)

    output = laptop.results(job_id, "output.jsonl", 1)
    assert [line["custom_id"] for line in output] == [f"req-{n}" for n in range(25)]
    assert laptop.results(job_id, "errors.jsonl", 1) == []
    assert row.results is not None
    assert row.results["output"] == f"results/{job_id}/redrives/01/output.jsonl"
    assert row.results["receipt"] == f"results/{job_id}/redrives/01/receipt.json"


def test_what_earlier_runs_published_stays_as_it_is() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    before = results_of(laptop, but=1)

    laptop.run_again(job_id)

    assert results_of(laptop, but=1) == before
    assert statuses(laptop, job_id).count("failed") == 15


def test_an_ending_is_asked_again_where_it_is_named() -> None:
    laptop = Laptop(engine=withholding(song(1), song(2)), chunk_records=2)
    row = laptop.run(chat_file(4) + b"{broken\n")
    assert statuses(laptop, row.job_id) == [
        "succeeded",
        "blocked",
        "blocked",
        "succeeded",
        "failed",
    ]
    laptop.engine = withholding(song(2))

    again = laptop.run_again(row.job_id, "blocked")

    assert sorted(asked(laptop)) == [song(1), song(2)]
    assert statuses(laptop, row.job_id, 1) == [
        "succeeded", "succeeded", "blocked", "succeeded", "failed",
    ]  # fmt: skip
    assert again.tally.calls == 6
    assert again.problems == 1


def test_only_chunks_with_something_to_ask_are_run() -> None:
    laptop = Laptop(engine=withholding(song(5)), chunk_records=2)
    row = laptop.run(chat_file(8))

    laptop.run_again(row.job_id, "blocked")

    (chunk,) = laptop.chunks(row.job_id, 1)
    assert chunk.chunk == 2
    assert chunk.redrive is not None
    assert chunk.redrive.only == (Ending.BLOCKED,)


def test_a_redrive_with_nothing_to_ask_publishes_all_the_same() -> None:
    laptop = Laptop()
    row = laptop.run(chat_file(3))
    calls = len(asked(laptop))
    laptop.redrive(row.job_id)

    assert laptop.plan(row.job_id, redrive=1) == {"state": "settled"}
    assert laptop.plan(row.job_id, redrive=1) == {"state": "settled"}, "a plan that was tried again"
    laptop.close(row.job_id, redrive=1)

    assert len(asked(laptop)) == calls
    assert laptop.row(row.job_id).status is Status.COMPLETED
    assert statuses(laptop, row.job_id, 1) == ["succeeded"] * 3


def test_a_job_that_was_refused_by_the_model_is_redriven_when_that_is_mended() -> None:
    laptop = Laptop(engine=forbidden())
    row = laptop.run(chat_file(15))
    assert row.status is Status.FAILED
    assert row.reason is not None
    assert row.reason.code == "access_denied"
    laptop.engine = ScriptedEngine()

    again = laptop.run_again(row.job_id)

    assert again.status is Status.COMPLETED
    assert again.reason is None
    assert sorted(asked(laptop)) == sorted(song(n) for n in range(15))
    assert receipt(laptop, row.job_id)["reason"]["code"] == "access_denied"
    assert receipt(laptop, row.job_id, 1)["reason"] is None


def test_what_expired_is_asked_in_a_redrive_that_has_the_deadline_once_more() -> None:
    laptop = Laptop()
    job_id = laptop.drop(chat_file(12))
    laptop.clock.time += timedelta(hours=25)
    row = laptop.finish(job_id)
    assert statuses(laptop, job_id) == ["expired"] * 12
    assert asked(laptop) == []

    laptop.redrive(job_id)
    laptop.clock.time += timedelta(hours=23)
    row = laptop.finish(job_id, 1)

    assert row.status is Status.COMPLETED
    assert statuses(laptop, job_id, 1) == ["succeeded"] * 12


def test_a_redrive_has_a_deadline_too() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)
    laptop.clock.time += timedelta(hours=25)

    row = laptop.finish(job_id, 1)

    assert row.status is Status.INCOMPLETE
    assert row.reason is not None
    assert row.reason.code == "deadline"
    assert Counter(statuses(laptop, job_id, 1)) == {"succeeded": 10, "expired": 15}
    assert len(asked(laptop)) == 10


def test_one_redrive_follows_the_other() -> None:
    laptop = Laptop(engine=withholding(song(3)))
    job_id = stopped_midway(laptop, 25)
    laptop.redrive(job_id)
    laptop.plan(job_id, redrive=1)
    second, third = laptop.chunks(job_id, 1)
    timelapse.run(laptop.invoke(second))
    laptop.close(job_id, FAILURE, redrive=1)
    assert Counter(statuses(laptop, job_id, 1)) == {
        "succeeded": 9 + second.records,
        "blocked": 1,
        "failed": third.records,
    }
    before = results_of(laptop, but=2)
    laptop.engine = ScriptedEngine()

    row = laptop.run_again(job_id, "blocked")

    assert sorted(asked(laptop)) == sorted([song(3), *(song(n) for n in third.indexes)])
    assert row.redrives == 2
    assert row.counts()["succeeded"] == 25
    assert row.tally.calls == 26
    assert results_of(laptop, but=2) == before
    told = [receipt(laptop, job_id, number)["redrive"] for number in (0, 1, 2)]
    assert told[0] is None
    assert told[1] | {"number": 1, "only": []} == told[1]
    assert told[2] | {"number": 2, "only": ["blocked"]} == told[2]


def test_each_receipt_says_what_its_own_files_hold() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.run_again(job_id)

    for redrive in (0, 1):
        for name, file in receipt(laptop, job_id, redrive)["files"].items():
            assert file["key"] == result_key(job_id, name, redrive)
            assert file["bytes"] == len(laptop.objects.read(file["key"]))
    assert receipt(laptop, job_id, 1)["calls"] == 25
    assert receipt(laptop, job_id, 1)["counts"]["succeeded"] == 25


def test_bedrocks_manifest_tells_of_all_records_in_a_redrive_too() -> None:
    laptop = Laptop(chunk_records=1)
    job_id = laptop.drop(jsonl([converse_line("a", "four"), converse_line("b", "five")]))
    laptop.plan(job_id)
    timelapse.run(laptop.invoke(laptop.chunks(job_id)[0]))
    laptop.close(job_id, FAILURE)

    row = laptop.run_again(job_id)

    assert row.results is not None
    manifest = json.loads(laptop.objects.read(row.results["manifest"]))
    assert row.results["manifest"] == f"results/{job_id}/redrives/01/manifest.json.out"
    assert (manifest["totalRecordCount"], manifest["successRecordCount"]) == (2, 2)


def test_while_a_redrive_runs_what_stands_is_counted_and_what_was_spent_stays_spent() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    spent = laptop.row(job_id).tally

    laptop.redrive(job_id)
    reopened = laptop.row(job_id)
    assert reopened.status is Status.RECEIVED
    assert (reopened.total, reopened.chunks, reopened.results) == (25, 3, None)
    assert (reopened.tally.calls, reopened.tally.usage) == (spent.calls, spent.usage)
    assert reopened.counts()["pending"] == 25

    laptop.plan(job_id, redrive=1)
    running = laptop.row(job_id)
    assert running.status is Status.RUNNING
    assert running.counts() | {"succeeded": 10, "failed": 0, "pending": 15} == running.counts()
    assert (running.tally.calls, running.tally.usage) == (spent.calls, spent.usage)


def test_a_redrive_is_started_once_however_often_its_message_comes() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)

    first, again = laptop.redrive(job_id, number=1), laptop.redrive(job_id, number=1)

    assert (first.new, first.refusal, again.new, again.refusal) == (True, None, False, None)
    assert laptop.workflows.started == [job_id, f"{job_id}-redrive-1"]
    assert laptop.events.said.count((job_id, Status.RECEIVED)) == 2


def test_a_worker_that_died_before_it_started_the_redrive_is_made_good_by_the_redelivery() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)
    laptop.workflows.started.clear()

    laptop.redrive(job_id, number=1)

    assert laptop.workflows.started == [f"{job_id}-redrive-1"]


def test_the_message_of_a_redrive_that_has_ended_changes_nothing() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    row = laptop.run_again(job_id)
    laptop.workflows.started.clear()
    before = dict(laptop.objects.versions)

    told = laptop.redrive(job_id, number=1)

    assert (told.new, told.refusal) == (False, None)
    assert laptop.row(job_id) == row
    assert laptop.workflows.started == []
    assert laptop.objects.versions == before


@pytest.mark.parametrize("ended", [False, True])
def test_a_wish_for_other_endings_under_a_number_that_stands_is_told_and_not_done(
    ended: bool,
) -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id, number=1, only=["failed", "expired"])
    if ended:
        laptop.finish(job_id, 1)
    row, before = laptop.row(job_id), dict(laptop.objects.versions)
    laptop.workflows.started.clear()

    told = laptop.redrive(job_id, number=1, only=["blocked"])
    same = laptop.redrive(job_id, number=1, only=["expired", "failed"])

    assert (told.new, told.refusal) == (False, "redriven_otherwise")
    assert (same.new, same.refusal) == (False, None), "in whatever order"
    assert (laptop.row(job_id), laptop.objects.versions) == (row, before)


def test_the_file_that_comes_again_during_a_redrive_starts_nothing_else() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)
    started = list(laptop.workflows.started)

    assert laptop.drop(chat_file(25)) == job_id
    assert laptop.workflows.started == started


@pytest.mark.parametrize(
    ("number", "code"), [(2, "wrong_number"), (9, "wrong_number")], ids=["second", "ninth"]
)
def test_a_redrive_that_is_not_the_next_is_told_and_not_done(number: int, code: str) -> None:
    laptop = Laptop()
    row = laptop.run(chat_file(2))

    told = laptop.redrive(row.job_id, number=number)

    assert (told.new, told.refusal) == (False, code)
    assert laptop.row(row.job_id) == row


def test_a_redrive_that_was_followed_by_another_is_told_and_not_done() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.run_again(job_id)
    row = laptop.run_again(job_id, "failed")

    assert laptop.redrive(job_id, number=1).refusal == "redriven_since"
    assert laptop.row(job_id) == row


def test_a_job_that_runs_is_not_redriven() -> None:
    laptop = Laptop()
    job_id = laptop.drop(chat_file(2))
    laptop.plan(job_id)
    row = laptop.row(job_id)

    assert laptop.redrive(job_id).refusal == "job_not_ended"
    assert laptop.row(job_id) == row
    assert laptop.workflows.started == [job_id]


def test_an_unknown_job_is_told_and_makes_no_job() -> None:
    laptop = Laptop()

    told = laptop.redrive("0" * 32, number=1)

    assert told.to_json() == {
        "job_id": "0" * 32, "wish": "redrive", "new": False, "refusal": "job_unknown",
    }  # fmt: skip
    assert laptop.jobs.rows == {}


def test_a_refused_job_has_nothing_to_redrive() -> None:
    laptop = Laptop()
    row = laptop.run(b"\n\n")

    assert laptop.redrive(row.job_id).refusal == "nothing_planned"


def test_a_job_whose_working_files_are_deleted_is_not_redriven() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.objects.delete(plan_key(job_id))

    assert laptop.redrive(job_id).refusal == "logs_gone"
    assert laptop.row(job_id).status.final


def test_a_job_whose_working_files_go_before_a_redrive_must_have_ended_is_not_redriven() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)

    laptop.clock.time += timedelta(days=29, minutes=1)
    assert laptop.redrive(job_id).refusal == "logs_gone"
    laptop.clock.time -= timedelta(minutes=2)
    assert laptop.redrive(job_id).refusal is None


def test_a_document_whose_answers_are_joined_is_not_redriven() -> None:
    laptop = Laptop()
    laptop.put_contract("summarise", SUMMARISE)
    text = "\n\n".join(f"This is paragraph {n} of some length." for n in range(9)).encode()
    joined = laptop.run(text, "inbox/summarise/handbook.md")
    short = laptop.run(b"A short one.", "inbox/summarise/short.md")

    assert laptop.redrive(joined.job_id).refusal == "joined_document"
    assert laptop.redrive(short.job_id).refusal is None


@pytest.mark.parametrize(
    "wish",
    [
        {"job": "j"},
        {"job": "j", "number": 0},
        {"job": "j", "number": True},
        {"job": "j", "number": 1, "only": ["succeeded"]},
        {"job": "j", "number": 1, "only": "failed"},
        {"job": "j", "number": 1, "prompt": "canary"},
        {"job": "", "number": 1},
        None,
    ],
)
def test_a_message_that_is_no_redrive_becomes_a_refused_job(wish: object) -> None:
    laptop = Laptop()

    (told,) = laptop.admit({"redrive": wish}, "m1")

    assert told.refusal == "invalid_message"
    assert "canary" not in str(laptop.jobs.rows)


def test_a_redrive_and_a_cancellation_do_not_come_in_one_message() -> None:
    laptop = Laptop()
    message = {"redrive": {"job": "j", "number": 1}, "cancel": {"job": "j"}}

    (told,) = laptop.admit(message, "m1")

    assert told.refusal == "invalid_message"


def test_a_late_worker_of_the_first_run_changes_nothing_in_the_second() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    late = laptop.chunks(job_id)[1]
    laptop.redrive(job_id)
    laptop.plan(job_id, redrive=1)
    calls = len(asked(laptop))

    assert timelapse.run(laptop.invoke(late))["state"] == "stopped"

    assert len(asked(laptop)) == calls
    row = laptop.finish(job_id, 1)
    assert row.counts()["succeeded"] == 25
    assert statuses(laptop, job_id).count("failed") == 15


def test_a_late_close_of_the_first_run_leaves_the_second_alone() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)
    laptop.plan(job_id, redrive=1)
    row, before = laptop.row(job_id), results_of(laptop, but=1)

    assert laptop.close(job_id, FAILURE) == {"state": "done"}

    assert laptop.row(job_id) == row
    assert results_of(laptop, but=1) == before
    assert laptop.jobs.stop_reason(job_id, redrive=1) is None


def test_a_late_plan_of_the_first_run_leaves_the_second_alone() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)
    row = laptop.row(job_id)

    assert laptop.plan(job_id) == {"state": "settled"}

    assert laptop.row(job_id) == row


def test_a_redrive_whose_plan_failed_is_closed_with_what_stands() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)

    laptop.close(job_id, FAILURE, redrive=1)

    row = laptop.row(job_id)
    assert row.status is Status.INCOMPLETE
    assert Counter(statuses(laptop, job_id, 1)) == {"succeeded": 10, "failed": 15}
    assert laptop.run_again(job_id).counts()["succeeded"] == 25


def test_a_log_that_is_gone_stops_a_redrive_before_anything_is_paid_twice() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)
    for key in list(laptop.objects.keys(f"jobs/{job_id}/chunks/000000/")):
        laptop.objects.delete(key)

    with pytest.raises(LogBroken):
        laptop.plan(job_id, redrive=1)


def runs_out_after(looks: int) -> Any:
    left = iter([900.0] * looks)
    return lambda: next(left, 0.0)


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_listing_what_is_asked_again_in_several_runs_gives_the_same_as_in_one(looks: int) -> None:
    whole = Laptop(chunk_records=4)
    job_id = stopped_midway(whole)
    whole.redrive(job_id, only=["failed"])
    whole.plan(job_id, redrive=1)
    pieces = Laptop(chunk_records=4)
    stopped_midway(pieces)
    pieces.redrive(job_id, only=["failed"])

    runs = 1
    while pieces.plan(job_id, runs_out_after(looks), redrive=1) == {"state": "more"}:
        runs += 1

    assert runs > 1
    assert pieces.objects.read(plan_key(job_id, 1)) == whole.objects.read(plan_key(job_id, 1))
    assert pieces.row(job_id) == whole.row(job_id)


def test_a_list_that_was_finished_by_a_run_that_died_is_made_again() -> None:
    laptop = Laptop(chunk_records=4)
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)
    laptop.plan(job_id, runs_out_after(1), redrive=1)
    reopened = laptop.row(job_id)
    laptop.plan(job_id, redrive=1)
    planned, running = laptop.objects.read(plan_key(job_id, 1)), laptop.row(job_id)
    laptop.jobs.rows[job_id] = reopened

    assert laptop.plan(job_id, redrive=1)["state"] == "done"

    assert laptop.objects.read(plan_key(job_id, 1)) == planned
    assert laptop.row(job_id) == running


def test_closing_a_redrive_in_several_runs_gives_the_same_files_as_in_one() -> None:
    whole, pieces = (Laptop(chunk_records=4, seconds=lambda: 0.0) for _ in range(2))
    for laptop in (whole, pieces):
        job_id = stopped_midway(laptop)
        laptop.redrive(job_id)
        laptop.plan(job_id, redrive=1)
        timelapse.run(laptop.invoke(laptop.chunks(job_id, 1)[2]))

    whole.close(job_id, FAILURE, redrive=1)
    while pieces.close(job_id, FAILURE, runs_out_after(0), redrive=1) == {"state": "more"}:
        pass

    for name in ("output.jsonl", "errors.jsonl", "outcomes.jsonl"):
        key = result_key(job_id, name, 1)
        assert pieces.objects.read(key) == whole.objects.read(key)
    assert pieces.row(job_id) == whole.row(job_id)
    assert pieces.late == whole.late


class Fickle:
    """Answers, withholds, or refuses, as it comes."""

    def __init__(self) -> None:
        self.moods: list[str] = []
        self.answered: Counter[str] = Counter()

    def __call__(self, request: Request, call: int) -> Completion:
        mood = self.moods[call % len(self.moods)] if self.moods else "answer"
        if mood == "refuse":
            raise AccessDenied("no model access")
        if mood == "withhold":
            raise ContentFiltered("withheld")
        self.answered[texts_of(request)[-1]] += 1
        return echo(request, call)


RUN = st.fixed_dictionaries(
    {
        "moods": st.lists(st.sampled_from(["answer", "answer", "withhold", "refuse"]), max_size=6),
        "only": st.sets(st.sampled_from(["failed", "blocked", "cancelled"])),
        "worked": st.sets(st.integers(0, 3)),
        "ends": st.sampled_from(["well", "failure", "cancel"]),
    }
)


@examples(deadline=None, max_examples=60)
@given(st.lists(RUN, min_size=1, max_size=4))
def test_whatever_befalls_its_runs_a_job_keeps_one_outcome_each_and_asks_no_success_again(
    runs: list[dict[str, Any]],
) -> None:
    fickle = Fickle()
    laptop = Laptop(engine=ScriptedEngine(fickle), chunk_records=3)
    job_id = laptop.drop(chat_file(11))
    published: dict[str, bytes] = {}
    for number, run in enumerate(runs):
        fickle.moods = run["moods"]
        if number:
            assert laptop.redrive(job_id, only=run["only"]).new
        state = laptop.plan(job_id, redrive=number)["state"]
        for chunk in laptop.chunks(job_id, number) if state == "done" else []:
            if run["ends"] == "well" or chunk.chunk in run["worked"]:
                timelapse.run(laptop.invoke(chunk))
        if run["ends"] == "cancel":
            assert laptop.cancel(job_id, redrive=number).refusal is None
        laptop.close(job_id, FAILURE if run["ends"] == "failure" else None, redrive=number)

        row = laptop.row(job_id)
        outcomes = laptop.results(job_id, "outcomes.jsonl", number)
        assert [outcome["index"] for outcome in outcomes] == list(range(11))
        assert sum(row.tally.counts.values()) == row.total == 11
        assert Counter(o["status"] for o in outcomes) == +Counter(
            {ending.value: count for ending, count in row.tally.counts.items()}
        )
        assert isinstance(laptop.engine, ScriptedEngine)
        assert row.tally.calls == len(laptop.engine.calls)
        assert max(fickle.answered.values(), default=0) <= 1
        assert sum(fickle.answered.values()) == row.tally.counts[Ending.SUCCEEDED]
        assert {key: laptop.objects.read(key) for key in published} == published
        published = {key: laptop.objects.read(key) for key in laptop.objects.keys(RESULTS)}


def test_a_success_that_somebody_settles_again_in_a_redrive_is_not_published() -> None:
    laptop = Laptop()
    job_id = stopped_midway(laptop)
    laptop.redrive(job_id)
    laptop.plan(job_id, redrive=1)
    stray = ChunkLog(laptop.objects, job_id, 0, writer="stray", redrive=1)
    stray.append([settled(3)])

    with pytest.raises(LogBroken):
        laptop.close(job_id, FAILURE, redrive=1)

    assert not laptop.row(job_id).status.final
