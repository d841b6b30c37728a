"""What batch inference must do: the same in memory and as Bedrock's control plane tells it."""

from collections.abc import Iterator
from functools import partial

import pytest

from batchwright.batchjob import BatchCounts, BatchState, BatchStatus
from batchwright.errors import Missing, ModelUnknown, RecordInvalid, Throttled
from tests.contract.batches import Place, asking, end, in_memory, lines, on_the_host, stage, wish

OTHER_MODEL = "us.amazon.nova-pro-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/"


@pytest.fixture(params=["in memory", "on the host"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "in memory":
        yield in_memory()
        return
    request.getfixturevalue("aws")
    with on_the_host() as there:
        yield there


def texts(place: Place, arn: str) -> dict[str, str]:
    """What each record was answered with."""
    return {
        line["recordId"]: line["modelOutput"]["output"]["message"]["content"][0]["text"]
        for line in lines(place, arn)
        if "modelOutput" in line
    }


def test_a_job_answers_every_record_under_its_id_and_in_another_order(place: Place) -> None:
    stage(place, asking("a", "b", "c", "d"))

    arn = place.jobs.start(wish())
    state = end(place, arn)

    assert state.status is BatchStatus.COMPLETED
    assert state.counts == BatchCounts(total=4, processed=4, success=4, error=0)
    assert state.arn == arn
    assert arn.startswith(ARN)
    assert texts(place, arn) == {"r0": "a", "r1": "b", "r2": "c", "r3": "d"}
    assert [line["recordId"] for line in lines(place, arn)] != ["r0", "r1", "r2", "r3"]
    assert all(set(line) == {"recordId", "modelInput", "modelOutput"} for line in lines(place, arn))


def test_beside_the_answers_lies_a_manifest_and_nothing_else(place: Place) -> None:
    stage(place, asking("a"))

    arn = place.jobs.start(wish())
    end(place, arn)

    folder = f"jobs/j/batch/{arn.rpartition('/')[2]}/"
    assert list(place.objects.keys("jobs/j/batch/")) == [
        f"{folder}0.jsonl.out", f"{folder}manifest.json.out",
    ]  # fmt: skip


def test_a_job_expires_after_its_hours(place: Place) -> None:
    stage(place, asking("a"))

    states = [
        place.jobs.state(place.jobs.start(wish(f"j{hours}", hours=hours))) for hours in (24, 48)
    ]

    sooner, later = (state.ends_at for state in states)
    assert sooner is not None
    assert later is not None
    assert 23.9 < (later - sooner).total_seconds() / 3600 < 24.1


def test_a_repeat_of_the_token_starts_nothing_more(place: Place) -> None:
    stage(place, asking("a"))
    arn = place.jobs.start(wish())

    assert place.jobs.start(wish()) == arn
    end(place, arn)
    assert place.jobs.start(wish()) == arn
    assert place.jobs.start(wish("j-0-2")) != arn


def test_a_job_is_found_by_its_whole_name(place: Place) -> None:
    stage(place, asking("a"))
    arns = [place.jobs.start(wish(f"j-0-{number}")) for number in range(12)]

    assert place.jobs.find("j-0-1") == arns[1]
    assert place.jobs.find("j-0-11") == arns[11]
    assert place.jobs.find("j-0") is None
    assert place.jobs.find("nobody") is None


def stands(status: BatchStatus, state: BatchState) -> bool:
    return state.status is status


def test_a_job_that_never_was_is_missing(place: Place) -> None:
    with pytest.raises(Missing):
        place.jobs.state(f"{ARN}nobodyknows1")


def test_a_job_goes_through_its_statuses_and_counts_live(place: Place) -> None:
    place.behave(submitted=0.1, validating=0.1, scheduled=0.1, in_progress=0.4, in_parallel=1)
    stage(place, asking(*"abcdefgh"))

    arn = place.jobs.start(wish())
    for status in (
        BatchStatus.SUBMITTED,
        BatchStatus.VALIDATING,
        BatchStatus.SCHEDULED,
        BatchStatus.IN_PROGRESS,
    ):
        place.wait(arn, partial(stands, status))
    halfway = place.wait(arn, lambda state: state.counts.processed >= 3)

    assert not halfway.ended
    assert halfway.counts.total == 8
    assert end(place, arn).counts.processed == 8


def test_a_model_has_so_many_jobs_at_once_and_another_model_its_own(place: Place) -> None:
    place.behave(submitted=30, max_jobs=2)
    stage(place, asking("a"))
    first, _ = place.jobs.start(wish("a")), place.jobs.start(wish("b"))

    with pytest.raises(Throttled) as refused:
        place.jobs.start(wish("c"))
    place.jobs.start(wish("d", model=OTHER_MODEL))
    assert place.jobs.start(wish("a")) == first
    place.jobs.stop(first)
    end(place, first)
    place.jobs.start(wish("c"))

    assert refused.value.retry_after == 60.0


@pytest.mark.parametrize("limits", [{"min_records": 3}, {"min_records": 0, "max_records": 1}])
def test_too_few_or_too_many_records_show_when_the_job_has_failed(
    place: Place, limits: dict[str, int]
) -> None:
    place.behave(**limits)
    stage(place, asking("a", "b"))

    arn = place.jobs.start(wish())
    state = end(place, arn)

    assert state.status is BatchStatus.FAILED
    assert state.message
    assert list(place.objects.keys("jobs/j/batch/")) == []


def test_an_input_that_is_not_there_fails_the_job(place: Place) -> None:
    arn = place.jobs.start(wish())

    assert end(place, arn).status is BatchStatus.FAILED


@pytest.mark.parametrize(
    "refused",
    [
        {"name": "no_underscores"},
        {"name": "n" * 64},
        {"token": "no blanks"},
        {"input_key": "jobs/j/a file.jsonl"},
        {"output_prefix": "jobs/é/"},
    ],
)
def test_names_and_keys_are_held_to_bedrocks_narrow_patterns(
    place: Place, refused: dict[str, str]
) -> None:
    with pytest.raises(RecordInvalid):
        place.jobs.start(wish(**refused))


def test_a_model_that_is_none_is_unknown(place: Place) -> None:
    with pytest.raises(ModelUnknown):
        place.jobs.start(wish(model="nonsense"))


def test_a_job_that_is_stopped_before_it_works_leaves_nothing(place: Place) -> None:
    place.behave(submitted=30)
    stage(place, asking("a"))
    arn = place.jobs.start(wish())

    place.jobs.stop(arn)

    assert end(place, arn).status is BatchStatus.STOPPED
    assert list(place.objects.keys("jobs/j/batch/")) == []


def test_a_job_is_stopping_for_a_while_and_still_holds_its_place(place: Place) -> None:
    place.behave(submitted=30, stopping=0.3, max_jobs=1)
    stage(place, asking("a"))
    arn = place.jobs.start(wish())

    place.jobs.stop(arn)

    assert place.jobs.state(arn).status is BatchStatus.STOPPING
    with pytest.raises(Throttled):
        place.jobs.start(wish("j-0-2"))
    assert end(place, arn).status is BatchStatus.STOPPED


def test_a_job_that_is_stopped_while_it_works_leaves_what_it_has(place: Place) -> None:
    place.behave(in_progress=1, stopping=0.1, in_parallel=1)
    stage(place, asking(*"abcdefghij"))
    arn = place.jobs.start(wish())
    place.wait(arn, lambda state: state.counts.processed >= 2)

    place.jobs.stop(arn)
    stopping = place.jobs.state(arn).status
    place.jobs.stop(arn)
    state = end(place, arn)

    assert stopping is BatchStatus.STOPPING
    assert state.status is BatchStatus.STOPPED
    assert 2 <= state.counts.processed < 10
    assert len(lines(place, arn)) == state.counts.processed


def test_to_stop_a_job_that_has_ended_is_no_error(place: Place) -> None:
    stage(place, asking("a"))
    arn = place.jobs.start(wish())
    end(place, arn)

    place.jobs.stop(arn)

    assert place.jobs.state(arn).status is BatchStatus.COMPLETED


@pytest.mark.parametrize(
    ("do", "status"),
    [
        ("partial", BatchStatus.PARTIALLY_COMPLETED),
        ("expire", BatchStatus.EXPIRED),
        ("fail", BatchStatus.FAILED),
    ],
)
def test_a_job_that_ends_too_soon_leaves_what_it_has(
    place: Place, do: str, status: BatchStatus
) -> None:
    place.behave(faults=[{"do": do, "match": "^j-0-1$", "after": 3, "times": 1}])
    stage(place, asking(*"abcde"))
    arns = [place.jobs.start(wish(name)) for name in ("j-0-0", "j-0-1")]

    whole, cut = (end(place, arn) for arn in arns)

    assert whole.status is BatchStatus.COMPLETED
    assert cut.status is status
    assert (cut.counts.total, cut.counts.processed) == (5, 3)
    assert len(lines(place, arns[1])) == 3


def test_a_record_that_is_refused_says_so_in_its_line_and_the_job_completes(place: Place) -> None:
    place.behave(faults=[{"do": "error", "match": "^b$", "code": 503}])
    with_a_tool = asking("t")[0]
    with_a_tool["recordId"] = "tool"
    tool = {"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object"}}}}
    with_a_tool["modelInput"]["toolConfig"] = {"tools": [tool]}
    stage(place, [*asking("a", "b", "c"), with_a_tool])

    arn = place.jobs.start(wish())
    state = end(place, arn)

    assert state.status is BatchStatus.COMPLETED
    assert state.counts == BatchCounts(total=4, processed=4, success=2, error=2)
    codes = {
        line["recordId"]: line["error"]["errorCode"]
        for line in lines(place, arn)
        if "error" in line
    }
    assert codes == {"r1": 503, "tool": 400}
    assert texts(place, arn) == {"r0": "a", "r2": "c"}


def test_answers_may_be_dropped_doubled_or_nobodys(place: Place) -> None:
    script = [{"do": do, "match": f"^{do}$"} for do in ("drop", "double", "extra")]
    place.behave(faults=script)
    stage(place, asking("drop", "double", "extra", "fine"))

    arn = place.jobs.start(wish())
    end(place, arn)

    ids = sorted(line["recordId"] for line in lines(place, arn))
    assert ids == ["r1", "r1", "r2", "r3", "stranger-r2"]
