import asyncio
import json
from hashlib import sha256
from typing import Any

import pytest

from batchwright.chunklog import ChunkLog
from batchwright.completion import Completion
from batchwright.errors import ContentFiltered, LogBroken
from batchwright.job import Status
from batchwright.places import chunk_prefix
from batchwright.request import Request
from tests.fakes import ScriptedEngine, echo
from tests.laptop import Laptop, chat_file, converse_line, jsonl


@pytest.fixture
def laptop() -> Laptop:
    return Laptop()


def receipt(laptop: Laptop, job_id: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(laptop.objects.read(f"results/{job_id}/receipt.json"))
    return read


def test_results_are_in_input_order_and_the_counts_add_up(laptop: Laptop) -> None:
    row = laptop.run(chat_file(35) + b"{broken\n")

    output = laptop.results(row.job_id, "output.jsonl")
    outcomes = laptop.results(row.job_id, "outcomes.jsonl")
    assert [line["custom_id"] for line in output] == [f"req-{n}" for n in range(35)]
    assert [outcome["index"] for outcome in outcomes] == list(range(36))
    assert [line["error"]["line"] for line in laptop.results(row.job_id, "errors.jsonl")] == [36]
    counts = row.counts()
    assert counts["total"] == sum(counts.values()) - counts["total"] == 36
    assert row.status is Status.COMPLETED


def test_the_receipt_says_what_the_files_hold(laptop: Laptop) -> None:
    row = laptop.run(chat_file(12))

    files = receipt(laptop, row.job_id)["files"]

    assert set(files) == {"output.jsonl", "errors.jsonl", "outcomes.jsonl"}
    for file in files.values():
        content = laptop.objects.read(file["key"])
        assert file["sha256"] == sha256(content).hexdigest()
        assert file["bytes"] == len(content)
        assert file["lines"] == content.count(b"\n")


def test_every_outcome_names_the_digest_of_its_line(laptop: Laptop) -> None:
    row = laptop.run(chat_file(3))

    lines = laptop.objects.lines(f"results/{row.job_id}/output.jsonl")
    digests = [outcome["output_digest"] for outcome in laptop.results(row.job_id, "outcomes.jsonl")]

    assert digests == [sha256(line).hexdigest() for line in lines]


def test_bedrocks_output_holds_failures_between_the_answers_as_batch_inference_does() -> None:
    def script(request: Request, call: int) -> Completion:
        if call == 1:
            raise ContentFiltered("withheld")
        return echo(request)

    laptop = Laptop(engine=ScriptedEngine(script), chunk_records=1)
    row = laptop.run(jsonl([converse_line(f"r{n}", "hello") for n in range(3)]))

    output = laptop.results(row.job_id, "output.jsonl")
    assert [line["recordId"] for line in output] == ["r0", "r1", "r2"]
    assert "error" in output[1]
    assert laptop.results(row.job_id, "errors.jsonl") == [output[1]]
    assert row.counts()["blocked"] == 1


def test_closing_twice_changes_nothing(laptop: Laptop) -> None:
    row = laptop.run(chat_file(12))
    before = {key: list(versions) for key, versions in laptop.objects.versions.items()}

    assert laptop.close(row.job_id) == {"state": "done", "status": "completed"}

    assert laptop.objects.versions == before
    assert laptop.row(row.job_id) == row


def test_a_job_whose_workflow_failed_closes_with_what_it_has(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(25))
    laptop.plan(job_id)
    asyncio.run(laptop.invoke(laptop.chunks(job_id)[0]))

    laptop.close(job_id, {"Error": "States.Timeout", "Cause": "canary"})

    row = laptop.row(job_id)
    assert row.status is Status.INCOMPLETE
    assert row.reason is not None
    assert row.reason.code == "workflow_failed"
    assert "States.Timeout" in row.reason.message
    assert row.counts()["succeeded"] == 10
    assert row.counts()["failed"] == 15
    assert b"canary" not in laptop.objects.read(f"results/{job_id}/receipt.json")
    codes = {line["error"]["code"] for line in laptop.results(job_id, "errors.jsonl")}
    assert codes == {"workflow_failed"}


def test_a_job_that_could_not_be_planned_closes_with_a_receipt(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(2))

    laptop.close(job_id, {"Error": "Unforeseen", "Cause": ""})

    assert laptop.row(job_id).status is Status.FAILED
    assert receipt(laptop, job_id)["reason"]["code"] == "workflow_failed"
    assert laptop.events.said[-1] == (job_id, Status.FAILED)


def test_workers_that_outlive_their_workflow_are_told_to_stop(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(25))
    laptop.plan(job_id)

    laptop.close(job_id, {"Error": "States.Timeout", "Cause": ""})

    reason = laptop.jobs.stop_reason(job_id)
    assert reason is not None
    assert reason.code == "workflow_failed"


def test_a_worker_that_is_late_after_the_close_changes_nothing(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(5))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    laptop.close(job_id, {"Error": "States.Timeout", "Cause": ""})
    before = laptop.objects.read(f"results/{job_id}/outcomes.jsonl")

    assert asyncio.run(laptop.invoke(chunk)) == {"state": "done"}

    laptop.close(job_id)
    assert laptop.objects.read(f"results/{job_id}/outcomes.jsonl") == before
    assert laptop.row(job_id).counts()["failed"] == 5


def test_a_job_whose_counts_do_not_add_up_cannot_close(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(5))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    asyncio.run(laptop.invoke(chunk))
    foreign = chunk.model_copy(update={"first_index": 100, "chunk": 9})
    asyncio.run(laptop.invoke(foreign))
    (segment,) = (ChunkLog(laptop.objects, job_id, 9, writer="x").read(),)
    stray = [(outcome, line) for outcome, line in segment]
    log = ChunkLog(laptop.objects, job_id, 0, writer="stray")
    log.catch_up()
    log.append(stray)

    with pytest.raises(LogBroken):
        laptop.close(job_id)

    assert not laptop.row(job_id).status.final
    assert f"results/{job_id}/receipt.json" not in set(laptop.objects.keys(""))


def test_a_damaged_log_does_not_close(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(5))
    laptop.plan(job_id)
    asyncio.run(laptop.invoke(laptop.chunks(job_id)[0]))
    key = f"{chunk_prefix(job_id, 0)}000000.jsonl"
    laptop.objects.write(key, laptop.objects.read(key).replace(b"say 1", b"say 9"))

    with pytest.raises(LogBroken):
        laptop.close(job_id)


def test_the_end_of_a_job_is_said_with_its_counts(laptop: Laptop) -> None:
    row = laptop.run(chat_file(2))

    assert laptop.events.said == [
        (row.job_id, Status.RECEIVED),
        (row.job_id, Status.RUNNING),
        (row.job_id, Status.COMPLETED),
    ]
