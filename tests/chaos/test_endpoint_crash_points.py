"""A kill before or after every effect of a job whose chunks wait in an endpoint's queue (laws 1 to 4)."""

from collections import Counter
from typing import Any

import pytest

from batchwright.crashpoints import Point, Watch, When
from batchwright.endpointtaken import NOTED_EVERY
from batchwright.job import Status
from batchwright.money import Money
from tests.chaos.crashing import TickingClock, came_true, every_occurrence, nothing, run
from tests.chaos.invariants import segments_of
from tests.chaos.test_lane_crash_points import EFFECTS, Child
from tests.endpointlaptop import ENDPOINT, EndpointLaptop
from tests.fakes import NOON, ScriptedEngine
from tests.laptop import chat_file

RECORDS = 45
LEFT = 4
"""Records that the endpoint leaves without an answer."""
PRICED = "endpoint: own, max_tokens: 10, rpm: 600000, tpm: 600000000, price: {input: 1, output: 2}"
CONTRACT = ENDPOINT.replace("endpoint: own", PRICED) + "budget: {usd: 100}\n"


def fresh(**given: Any) -> EndpointLaptop:
    laptop = EndpointLaptop(
        engine=ScriptedEngine(),
        contract=CONTRACT,
        chunk_records=100,
        clock=TickingClock(NOON),
        **given,
    )
    laptop.endpoints.behave(faults=[{"do": "lose_output", "match": "sing [1-4] "}])
    return laptop


def played(plot: Watch) -> tuple[EndpointLaptop, str]:
    laptop = fresh()
    job_id, (submission,) = laptop.batch(chat_file(RECORDS))
    Child(laptop, plot).run(submission)
    laptop.close(job_id)
    return laptop, job_id


def check(laptop: EndpointLaptop, job_id: str, *, killed: bool) -> None:
    row = laptop.row(job_id)
    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == RECORDS
    settled = Counter(
        outcome["index"] for each in segments_of(laptop, job_id) for outcome in each.outcomes
    )
    assert settled == dict.fromkeys(range(RECORDS), 1)
    calls = Counter(call.inference_id for call in laptop.endpoints.calls)
    assert len(calls) == RECORDS
    assert calls.total() <= RECORDS + NOTED_EVERY, "a kill repeats only what was not noted"
    money = laptop.budgets.money(job_id)
    assert money.spent <= 100 * 10**9
    assert row.tally.calls >= calls.total() + LEFT, "also those that were made again"
    assert row.tally.calls <= RECORDS + LEFT + NOTED_EVERY + LEFT
    if not killed:
        assert calls.total() == RECORDS
        assert row.tally.calls == RECORDS + LEFT
        assert row.tally.ambiguous_calls == LEFT
        assert len(laptop.engine.calls) == LEFT  # type: ignore[attr-defined]
        assert money == Money(spent=money.spent)
    assert not any(laptop.slots.places.values())


def test_nothing_dies_and_every_kind_of_effect_is_had() -> None:
    plot = nothing()

    laptop, job_id = played(plot)

    check(laptop, job_id, killed=False)
    assert {*EFFECTS} <= {*plot.seen}


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("point", EFFECTS)
def test_a_kill_at_any_effect_breaks_no_law(point: Point, when: When) -> None:
    for plot in every_occurrence(point, when):
        laptop, job_id = played(plot)
        check(laptop, job_id, killed=came_true(plot))


ANSWERED = 30
"""Records that are answered when the job is cancelled; then nothing more is."""
STOPPING = [Point.SEGMENT, Point.STOP, Point.MONEY, Point.STAND, Point.PLACE, Point.WAKE]


def cancelled(plot: Watch) -> tuple[EndpointLaptop, str]:
    """A job that is cancelled while its calls wait, and whose collecting the plot is against."""
    laptop = fresh(works=False)
    job_id, (submission,) = laptop.batch(chat_file(RECORDS))
    laptop.tasks.waiting.add("task")
    run(laptop.hand_over(submission, "task"))
    laptop.endpoints.work(ANSWERED)
    laptop.cancel(job_id)
    Child(laptop, plot).run(submission)
    laptop.close(job_id)
    return laptop, job_id


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("point", STOPPING)
def test_a_kill_while_a_cancelled_job_waits_for_the_last_answers_breaks_no_law(
    point: Point, when: When
) -> None:
    for plot in every_occurrence(point, when):
        laptop, job_id = cancelled(plot)
        row = laptop.row(job_id)
        counts = row.counts()
        assert counts["succeeded"] == ANSWERED - LEFT
        assert counts["cancelled"] == RECORDS - counts["succeeded"]
        assert row.tally.calls == RECORDS, "every call that was made is counted, once"
        assert laptop.engine.calls == []  # type: ignore[attr-defined]
        assert not any(laptop.slots.places.values())
    assert plot.seen[point], "the effect is never had"
