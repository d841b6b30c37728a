"""Jobs are forgotten when their contract's time for them is over, and the ledger says so."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from batchwright.errors import Missing, Unavailable
from batchwright.job import Status
from batchwright.retention import Retention
from batchwright.steps.forget import Forgot, World, forget_due
from tests.fakes import MODEL, MemoryObjects, ScriptedEngine
from tests.lanelaptop import BATCH, LaneLaptop
from tests.laptop import Laptop, chat_file, chat_line, jsonl

CONTRACT = """
name: brief
routes: [{model: "%s", max_tokens: 20, temperature: 0}]
models: {"*": "%s"}
cache: {exact: 7d}
filters: {output: [{terms: {words: [hold], then: review}}]}
retention: %s
"""
BOTH = "{results: 30d, quarantine: 7d}"


def laptop_with(retention: str) -> Laptop:
    laptop = Laptop()
    laptop.put_contract("brief", CONTRACT % (MODEL, MODEL, retention))
    return laptop


def run(laptop: Laptop, *said: str) -> str:
    lines = [chat_line(f"r{n}", text) for n, text in enumerate(said)]
    return laptop.run(jsonl(lines), "inbox/brief/file.jsonl").job_id


def after(laptop: Laptop, enough_time: Callable[[], bool] = lambda: True, **span: float) -> Forgot:
    """Forget what is due so long after the last end."""
    clock = replace(laptop.clock, time=laptop.clock.now() + timedelta(**span))
    world = World(objects=laptop.objects, jobs=laptop.jobs, ledger=laptop.ledger, clock=clock)
    return forget_due(world, enough_time)


def left(laptop: Laptop, prefix: str = "") -> list[str]:
    return [key for key in laptop.objects.keys(prefix) if not key.startswith("contracts/")]


def told(laptop: Laptop) -> list[dict[str, Any]]:
    entries = [json.loads(each.content) for each in laptop.ledger.entries()]
    return [each for each in entries if each["kind"] == "forget"]


def test_what_was_held_goes_first_and_then_the_job() -> None:
    laptop = laptop_with(BOTH)
    job_id = run(laptop, "hello", "hold this")
    assert len(left(laptop, "quarantine/")) == 1
    before = left(laptop)

    assert after(laptop, days=6.99).done == []
    assert left(laptop) == before

    (done,) = after(laptop, days=7).done
    assert (done.job_id, done.what, done.deleted) == (job_id, "quarantine", 1)
    assert left(laptop) == [key for key in before if not key.startswith("quarantine/")]

    (done,) = after(laptop, days=30).done
    assert done.what == "job"
    assert [key for key in left(laptop) if not key.startswith("ledger/")] == [
        f"results/{job_id}/receipt.json",
        f"results/{job_id}/report.html",
        f"results/{job_id}/seal.json",
        f"results/{job_id}/tree/0",
    ]
    first, second = told(laptop)
    assert (first["job"], first["only"], first["redrives"]) == (job_id, "quarantine", 0)
    assert (second["job"], second["redrives"]) == (job_id, 0)
    assert "only" not in second
    assert after(laptop, days=300).done == []


def test_what_an_endpoint_was_asked_and_answered_is_forgotten_with_the_job() -> None:
    laptop = laptop_with(BOTH)
    job_id = run(laptop, "hello")
    folders = [f"endpoints/{each}" for each in ("input", "output", "failure")]
    for job in (job_id, "another"):
        for folder in folders:
            laptop.objects.write(f"{folder}/{job}/00/000000/00000000000.out", b"said")

    after(laptop, days=30)

    assert left(laptop, "endpoints/") == sorted(
        f"{folder}/another/00/000000/00000000000.out" for folder in folders
    )


def test_what_a_lane_wrote_before_any_filter_saw_it_goes_when_the_job_has_ended() -> None:
    held = "filters: {output: [{terms: {words: [sing], then: block}}]}"
    laptop = LaneLaptop(engine=ScriptedEngine(), contract=f"{BATCH}{held}\n")
    job_id, _ = laptop.batch(chat_file(100))
    row = laptop.to_the_end(job_id)
    assert row.counts()["blocked"] == 100
    before = left(laptop)
    assert [key for key in before if "/batches/" in key]
    laptop.jobs.rows[job_id] = replace(row, status=Status.RUNNING)  # as a redrive has it
    assert after(laptop, days=1).done == []
    assert left(laptop) == before
    laptop.jobs.rows[job_id] = row

    (done,) = after(laptop).done

    assert (done.job_id, done.what) == (job_id, "submissions")
    assert left(laptop) == [key for key in before if "/batches/" not in key]
    assert len(left(laptop, "quarantine/")) == 100
    (entry,) = told(laptop)
    assert (entry["job"], entry["only"]) == (job_id, "submissions")
    assert after(laptop, days=300).done == []


def test_a_job_without_a_word_about_it_is_left_to_the_stack() -> None:
    laptop = Laptop()
    laptop.run(chat_file(2), "inbox/file.jsonl")
    before = left(laptop)
    assert after(laptop, days=10_000).done == []
    assert left(laptop) == before


def test_a_refused_file_is_forgotten_too() -> None:
    laptop = laptop_with("{results: 12h}")
    row = laptop.run(b"no JSON at all, but somebody's words\n", "inbox/brief/file.jsonl")
    assert row.status is Status.FAILED
    assert left(laptop, "inbox/")

    assert [each.what for each in after(laptop, hours=12).done] == ["job"]
    assert left(laptop, "inbox/") == left(laptop, "jobs/") == []


def test_a_job_that_ended_once_more_is_kept_from_its_last_end_on() -> None:
    laptop = laptop_with("{results: 10d}")
    job_id = run(laptop, "hello", "hold this")
    first_end = laptop.clock
    laptop.clock = replace(first_end, time=first_end.now() + timedelta(days=9))
    laptop.redrive(job_id, only=["review"])

    assert after(laptop, days=1).done == [], "it runs again"
    laptop.finish(job_id, 1)

    assert after(laptop, days=9.99).done == []
    assert [each.what for each in after(laptop, days=10).done] == ["job"]
    assert left(laptop, "jobs/") == []
    assert [each["redrives"] for each in told(laptop)] == [1]


def test_a_job_whose_row_is_gone_is_forgotten_all_the_same() -> None:
    laptop = laptop_with("{results: 90d}")
    job_id = run(laptop, "hello")
    del laptop.jobs.rows[job_id]
    assert len(after(laptop, days=90).done) == 1


def test_what_is_not_done_in_time_is_done_the_next_time() -> None:
    laptop = laptop_with(BOTH)
    run(laptop, "hello", "hold this")
    turns = iter([True, False])

    assert after(laptop, lambda: next(turns, False), days=30).done == []
    assert told(laptop) == []

    done = after(laptop, days=30, seconds=1).done
    assert [each.what for each in done] == ["job", "quarantine"], (
        "what took long waits behind the others"
    )


def test_a_job_that_cannot_be_forgotten_keeps_no_other_from_it() -> None:
    laptop = laptop_with("{results: 1d}")
    first, second = run(laptop, "hello"), run(laptop, "hello again")

    class Stubborn(MemoryObjects):
        """Does not delete the first job's."""

        def erase(self, versions: Any) -> int:
            if any(first in key for key, _ in versions):
                raise Unavailable("no")
            return super().erase(versions)

    stubborn = Stubborn()
    stubborn.versions = laptop.objects.versions
    easy, laptop.objects = laptop.objects, stubborn

    forgot = after(laptop, days=1)

    assert [each.job_id for each in forgot.done] == [second]
    assert forgot.faults.keys() == {first}
    with pytest.raises(ExceptionGroup, match="not forgotten"):
        forgot.check()
    laptop.objects = easy
    assert [each.job_id for each in after(laptop, days=1).done] == [first]


def test_an_input_that_another_job_still_reads_waits_until_that_has_ended() -> None:
    laptop = laptop_with("{results: 1d}")
    laptop.put_contract("other", CONTRACT.replace("brief", "other") % (MODEL, MODEL, BOTH))
    done = run(laptop, "hello", "again")
    body = {"input": "s3://box/inbox/brief/file.jsonl", "contract": "other"}
    running = laptop.say(json.dumps(body))

    assert after(laptop, days=1).done == []
    assert told(laptop) == []
    laptop.finish(running)

    assert laptop.row(running).status is Status.COMPLETED
    assert [each.job_id for each in after(laptop, days=1, seconds=1).done] == [done]
    assert left(laptop, "inbox/brief/") == []


class Listing(MemoryObjects):
    """Counts the listings of answers."""

    listings = 0

    def every_version(self, prefix: str) -> Iterator[tuple[str, str | None]]:
        self.listings += prefix.startswith("cache/")
        yield from super().every_version(prefix)


def listing(laptop: Laptop) -> Listing:
    objects = Listing()
    objects.versions = laptop.objects.versions
    laptop.objects = objects
    return objects


@pytest.mark.parametrize("cache", ["{prompt: auto}", "null"])
def test_nobody_looks_for_answers_where_the_contract_keeps_none(cache: str) -> None:
    laptop = Laptop()
    contract = CONTRACT.replace("cache:", f"cache: {cache} #")
    laptop.put_contract("brief", contract % (MODEL, MODEL, "{results: 1d}"))
    run(laptop, "hello", "again")
    objects = listing(laptop)

    assert [each.what for each in after(laptop, days=1).done] == ["job"]
    assert objects.listings == 0


def test_where_the_time_is_over_others_are_forgotten_first_and_then_it_goes_on_where_it_was() -> (
    None
):
    laptop = laptop_with("{results: 1d}")
    long = run(laptop, *[f"hello {number}" for number in range(450)])
    laptop.clock.time += timedelta(minutes=1)
    short = laptop.run(jsonl([chat_line("a", "short")]), "inbox/brief/short.jsonl").job_id
    objects = listing(laptop)
    looks = iter([True, True, True, False])

    first = after(laptop, lambda: next(looks, True), days=1)

    assert [each.job_id for each in first.done] == [short]
    assert objects.listings == 200 + 1, "after every hundred the time is looked at"
    then = after(laptop, days=1, seconds=1)
    assert [each.job_id for each in then.done] == [long]
    assert objects.listings == 450 + 1
    assert left(laptop, "cache/") == left(laptop, "jobs/") == []
    assert len(told(laptop)) == 2


@pytest.mark.parametrize("refused", ["inbox/", "cache/"])
def test_what_was_not_deleted_is_deleted_the_next_time_and_told_only_then(refused: str) -> None:
    laptop = laptop_with("{results: 1d}")
    run(laptop, "hello")
    assert left(laptop, refused)

    class Refusing(MemoryObjects):
        """Deletes all but some, and says so, as S3 may."""

        def erase(self, versions: Any) -> int:
            super().erase([each for each in versions if not each[0].startswith(refused)])
            if any(key.startswith(refused) for key, _ in versions):
                raise Missing("1 objects could not be deleted")
            return len(versions)

    refusing = Refusing()
    refusing.versions = laptop.objects.versions
    willing, laptop.objects = laptop.objects, refusing
    for _ in range(2):
        assert after(laptop, days=1).faults
        assert told(laptop) == []
    laptop.objects = willing

    assert [each.what for each in after(laptop, days=1).done] == ["job"]
    assert left(laptop, "inbox/") == left(laptop, "cache/") == left(laptop, "jobs/") == []
    assert len(told(laptop)) == 1


def test_a_job_that_was_forgotten_by_hand_is_told_once() -> None:
    laptop = laptop_with("{results: 1d}")
    run(laptop, "hello")
    after(laptop, days=1)
    laptop.jobs.add_due(next(iter(Retention(results="1d").dues(*_row(laptop)))))
    after(laptop, days=1)
    assert len(told(laptop)) == 1


def _row(laptop: Laptop) -> tuple[str, int, str]:
    (row,) = laptop.jobs.rows.values()
    return row.job_id, row.redrives, row.updated_at


@pytest.mark.parametrize("retention", ["{results: 91d}", "{results: 10d, quarantine: 8d}"])
def test_a_contract_that_keeps_for_longer_than_the_stack_is_refused(retention: str) -> None:
    laptop = laptop_with(retention)
    job_id = laptop.drop(chat_file(1), "inbox/brief/file.jsonl")
    laptop.plan(job_id)
    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.reason is not None
    assert row.reason.code == "contract_invalid"
    assert "this stack keeps" in row.reason.message


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({}, "say results, quarantine, or both"),
        ({"results": "30"}, "results"),
        ({"results": "5m"}, "results"),
        ({"results": "0d"}, "results"),
        ({"results": "1d", "quarantine": "2d"}, "quarantine is longer"),
        ({"inputs": "1d"}, "inputs"),
    ],
)
def test_what_cannot_be_meant_is_refused(told: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Retention.model_validate(told)
