import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.chunklog import ChunkLog
from batchwright.completion import Completion
from batchwright.crashpoints import Point, Watch, When, watched
from batchwright.errors import ContentFiltered, LogBroken, Unavailable
from batchwright.job import Reason, Status
from batchwright.merkle import Tree
from batchwright.outcome import Ending, Tally
from batchwright.places import checkpoint_key, chunk_prefix
from batchwright.request import Request
from tests import timelapse
from tests.chaos.crashing import Crash, kill
from tests.fakes import MemoryObjects, ScriptedEngine, echo, settled
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
    timelapse.run(laptop.invoke(laptop.chunks(job_id)[0]))

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


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("budget:usd", Ending.CANCELLED),
        ("cancelled", Ending.CANCELLED),
        ("deadline", Ending.EXPIRED),
        ("access_denied", Ending.FAILED),
    ],
)
def test_the_receipt_of_an_incomplete_job_says_why_it_is(
    laptop: Laptop, code: str, ending: Ending
) -> None:
    job_id = laptop.drop(chat_file(25))
    laptop.plan(job_id)
    timelapse.run(laptop.invoke(laptop.chunks(job_id)[0]))
    laptop.jobs.stop(job_id, Reason(code=code, message="enough"))

    laptop.close(job_id)

    row = laptop.row(job_id)
    assert row.status is Status.INCOMPLETE
    assert row.counts()[ending.value] == 15
    assert receipt(laptop, job_id)["incomplete_reason"] == row.incomplete_reason == code


def test_a_job_that_is_not_incomplete_has_no_reason_to_be(laptop: Laptop) -> None:
    assert receipt(laptop, laptop.run(chat_file(2)).job_id)["incomplete_reason"] is None

    refused = laptop.run(b"{broken")
    assert refused.reason is not None
    assert receipt(laptop, refused.job_id)["incomplete_reason"] is None


def test_the_receipt_tells_what_the_file_was_read_as(laptop: Laptop) -> None:
    chats, conversations, refused = (
        laptop.run(content).job_id
        for content in (chat_file(2), jsonl([converse_line("a", "four")]), b"{broken")
    )

    assert receipt(laptop, chats)["dialect"] == "openai_chat"
    assert receipt(laptop, conversations)["dialect"] == "bedrock_converse"
    assert receipt(laptop, refused)["dialect"] is None


def test_a_bedrock_file_comes_back_with_bedrocks_manifest(laptop: Laptop) -> None:
    lines = [converse_line("a", "four"), converse_line("b", "five"), {"recordId": "c"}]

    row = laptop.run(jsonl(lines))

    assert row.results is not None
    assert json.loads(laptop.objects.read(row.results["manifest"])) == {
        "totalRecordCount": 3,
        "processedRecordCount": 3,
        "successRecordCount": 2,
        "errorRecordCount": 1,
        "inputTokenCount": 2,
        "outputTokenCount": 2,
    }
    content = laptop.objects.read(row.results["manifest"])
    sealed = receipt(laptop, row.job_id)["files"]["manifest.json.out"]
    assert sealed["key"] == row.results["manifest"]
    assert (sealed["bytes"], sealed["sha256"]) == (len(content), sha256(content).hexdigest())
    assert "manifest" not in (laptop.run(chat_file(2)).results or {})


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

    assert timelapse.run(laptop.invoke(chunk)) == {"state": "stopped", "reason": "workflow_failed"}

    laptop.close(job_id)
    assert laptop.objects.read(f"results/{job_id}/outcomes.jsonl") == before
    assert laptop.row(job_id).counts()["failed"] == 5


def test_a_job_whose_counts_do_not_add_up_cannot_close(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(5))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    foreign = chunk.model_copy(update={"first_index": 100})
    log = ChunkLog(laptop.objects, job_id, 0, writer="stray")
    log.append([settled(index) for index in foreign.indexes])
    timelapse.run(laptop.invoke(chunk))

    with pytest.raises(LogBroken):
        laptop.close(job_id)

    assert not laptop.row(job_id).status.final
    assert f"results/{job_id}/receipt.json" not in set(laptop.objects.keys(""))


def test_a_damaged_log_does_not_close(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(5))
    laptop.plan(job_id)
    timelapse.run(laptop.invoke(laptop.chunks(job_id)[0]))
    key = f"{chunk_prefix(job_id, 0)}000001.jsonl"  # the first is the worker's claim
    laptop.objects.write(key, laptop.objects.read(key).replace(b"sing 1", b"sing 9"))

    with pytest.raises(LogBroken):
        laptop.close(job_id)


def test_the_end_of_a_job_is_said_with_its_counts(laptop: Laptop) -> None:
    row = laptop.run(chat_file(2))

    assert laptop.events.said == [
        (row.job_id, Status.RECEIVED),
        (row.job_id, Status.RUNNING),
        (row.job_id, Status.COMPLETED),
    ]


FILES = ("output.jsonl", "errors.jsonl", "outcomes.jsonl")


def files(laptop: Laptop, job_id: str) -> list[bytes]:
    return [laptop.objects.read(f"results/{job_id}/{name}") for name in FILES]


def half_asked(objects: MemoryObjects | None = None) -> tuple[Laptop, str]:
    """A job of five chunks whose workflow failed after two of them, with a broken line in each half."""
    laptop = Laptop(chunk_records=4, objects=objects or MemoryObjects(), seconds=lambda: 0.0)
    lines = chat_file(18).splitlines(keepends=True)
    job_id = laptop.drop(b"".join([*lines[:6], b"{broken\n", *lines[6:], b"{broken\n"]))
    laptop.plan(job_id)
    for chunk in laptop.chunks(job_id)[1:3]:
        timelapse.run(laptop.invoke(chunk))
    return laptop, job_id


def test_the_receipt_tells_the_root_over_all_records_however_many_runs_it_took() -> None:
    laptop, job_id = half_asked()
    while laptop.close(job_id, FAILURE, runs_out_after(0))["state"] == "more":
        pass
    receipt = json.loads(laptop.objects.read(f"results/{job_id}/receipt.json"))
    leaves = b"".join(
        bytes.fromhex(each["leaf"]) for each in laptop.results(job_id, "outcomes.jsonl")
    )
    tree = Tree()
    tree.append(leaves)
    assert (receipt["tree"]["size"], receipt["tree"]["root"]) == (20, tree.root().hex())
    assert laptop.objects.read(receipt["tree"]["levels"][0]["key"]) == leaves


FAILURE = {"Error": "States.Timeout", "Cause": ""}


def runs_out_after(looks: int) -> Callable[[], float]:
    left = iter([900.0] * looks)
    return lambda: next(left, 0.0)


def close_in_runs(laptop: Laptop, job_id: str, looks: list[int]) -> int:
    """Close with as many looks at the clock in each run as the list says, then as many as it takes."""
    runs = 1
    for run in [*looks, *[1000] * 2]:
        if laptop.close(job_id, FAILURE, runs_out_after(run))["state"] == "done":
            return runs
        runs += 1
    raise AssertionError


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 4), max_size=8))
def test_closing_in_any_number_of_runs_gives_the_same_files_as_in_one(looks: list[int]) -> None:
    whole, job_id = half_asked()
    whole.close(job_id, FAILURE)
    pieces, same_id = half_asked()

    close_in_runs(pieces, same_id, looks)

    assert same_id == job_id
    assert files(pieces, job_id) == files(whole, job_id)
    assert pieces.row(job_id) == whole.row(job_id)
    assert pieces.late == whole.late
    assert pieces.objects.uploads == {}


def test_every_run_gets_on_however_little_time_it_has() -> None:
    laptop, job_id = half_asked()

    runs = close_in_runs(laptop, job_id, [0] * 10)

    assert runs == len(laptop.chunks(job_id)) + 1


def test_a_file_of_several_runs_is_told_in_pieces() -> None:
    laptop, job_id = half_asked()
    close_in_runs(laptop, job_id, [0] * 10)

    for file in receipt(laptop, job_id)["files"].values():
        content = laptop.objects.read(file["key"])
        assert file["bytes"] == len(content) == sum(piece["bytes"] for piece in file["pieces"])
        assert file["lines"] == content.count(b"\n")
        assert len(file["pieces"]) > 1
        assert file["sha256"] is None
        for piece in file["pieces"]:
            assert piece["sha256"] == sha256(content[: piece["bytes"]]).hexdigest()
            content = content[piece["bytes"] :]


@pytest.mark.parametrize("looks", [1, 1000])
def test_a_run_that_died_is_done_again_from_the_checkpoint_before(looks: int) -> None:
    whole, job_id = half_asked()
    whole.close(job_id, FAILURE)
    laptop, _ = half_asked()
    laptop.close(job_id, FAILURE, runs_out_after(1))
    before = laptop.objects.read(checkpoint_key(job_id, "close"))
    closing = laptop.row(job_id)
    laptop.close(job_id, FAILURE, runs_out_after(looks))

    # The run's last writes never were: it died before the checkpoint, or between the files and the row.
    laptop.objects.write(checkpoint_key(job_id, "close"), before)
    laptop.jobs.rows[job_id], laptop.late = closing, Tally()
    close_in_runs(laptop, job_id, [1])

    assert files(laptop, job_id) == files(whole, job_id)
    assert laptop.row(job_id) == whole.row(job_id)
    assert laptop.late == whole.late


def test_what_the_bucket_swept_away_is_written_again() -> None:
    whole, job_id = half_asked()
    whole.close(job_id, FAILURE)
    laptop, _ = half_asked()
    laptop.close(job_id, FAILURE, runs_out_after(1))
    laptop.objects.uploads.clear()

    laptop.close(job_id, FAILURE)

    assert files(laptop, job_id) == files(whole, job_id)
    assert laptop.row(job_id) == whole.row(job_id)


class TiredObjects(MemoryObjects):
    """Cannot be read while it is tired."""

    tired = False

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        if self.tired and key.endswith("plan.jsonl"):
            raise Unavailable("the bucket is tired")
        return super().read(key, span=span)


def test_a_run_that_fails_leaves_open_only_what_a_checkpoint_speaks_of() -> None:
    objects = TiredObjects()
    laptop, job_id = half_asked(objects)

    objects.tired = True
    with pytest.raises(Unavailable):
        laptop.close(job_id, FAILURE)
    assert objects.uploads == {}

    objects.tired = False
    laptop.close(job_id, FAILURE, runs_out_after(0))
    objects.tired = True
    with pytest.raises(Unavailable):
        laptop.close(job_id, FAILURE)
    assert len(objects.uploads) == len(FILES) + 1, "the tree's, too"

    objects.tired = False
    assert laptop.close(job_id, FAILURE)["state"] == "done"


def test_a_checkpoint_harms_no_closed_job() -> None:
    laptop, job_id = half_asked()
    close_in_runs(laptop, job_id, [0])
    before = files(laptop, job_id)

    assert laptop.close(job_id, FAILURE) == {"state": "done", "status": "incomplete"}
    assert files(laptop, job_id) == before


def test_a_closing_that_goes_on_where_another_died_tells_what_the_receipt_tells(
    laptop: Laptop,
) -> None:
    """The receipt is written before the row, and once: what it says is how the job ended."""
    laptop.plan(job_id := laptop.drop(chat_file(2)))
    timelapse.run(laptop.invoke(laptop.chunks(job_id)[0]))
    dying = Watch(Point.JOB_ROW, 2, When.BEFORE, kill)
    with pytest.raises(Crash):
        watched(laptop, dying).close(job_id)
    told = receipt(laptop, job_id)
    laptop.clock.time += timedelta(hours=1)

    laptop.close(job_id, {"Error": "States.Timeout"})

    row = laptop.row(job_id)
    assert receipt(laptop, job_id) == told
    assert (row.status.value, row.updated_at) == (told["status"], told["closed_at"])
    assert row.reason is None
    assert row.counts() == told["counts"]


def test_a_file_dropped_again_after_its_row_was_swept_away_has_a_receipt_of_its_own(
    laptop: Laptop,
) -> None:
    first = laptop.run(chat_file(2))
    before = receipt(laptop, first.job_id)
    del laptop.jobs.rows[first.job_id]
    for key in [*laptop.objects.keys("jobs/")]:
        laptop.objects.delete(key)
    laptop.clock.time += timedelta(days=91)

    again = laptop.finish(laptop.say(laptop.event("inbox/file.jsonl")))

    assert again.job_id == first.job_id
    assert receipt(laptop, again.job_id)["created_at"] == again.created_at > before["created_at"]
