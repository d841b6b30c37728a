"""A kill before or after every effect of a job, and a second process in the midst of every step (laws 1 to 3)."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pytest

from batchwright.completion import Completion
from batchwright.crashpoints import Point, Watch, When
from batchwright.errors import AccessDenied, ContentFiltered, MalformedCompletion, Throttled
from batchwright.job import Status
from batchwright.outcome import Ending
from batchwright.request import Request
from tests.chaos.crashing import Workflow, every_occurrence, noted_laptop, nothing
from tests.chaos.invariants import check_invariants, check_money, segments_of
from tests.fakes import ScriptedEngine, echo, texts_of
from tests.laptop import chat_line, jsonl

CONTRACT = """
name: paid
routes: [{engine: bedrock, model: us.amazon.nova-lite-v1:0, rpm: 600000, tpm: 600000000}]
models: {"*": us.amazon.nova-lite-v1:0}
budget: {usd: 25}
retention: {results: 30d, quarantine: 7d}
"""
KEY = "inbox/paid/file.jsonl"
RECORDS = 12
CHUNK_RECORDS = 5
ENDINGS = {Ending.SUCCEEDED: 8, Ending.FAILED: 3, Ending.BLOCKED: 1}


@dataclass
class Moody:
    """A model that has something else for some of the records."""

    denies: bool = False
    throttled: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: Request, _call: int) -> Completion:
        text = texts_of(request)[-1]
        number = int(text.split()[1])
        if number == 5:
            raise ContentFiltered("the answer was withheld")
        if number == 6 and self.denies:
            raise AccessDenied("no access to the model")
        if number == 10:
            raise MalformedCompletion("that is no answer")
        if number == 9:
            self.throttled[text] += 1
            if self.throttled[text] == 1:
                raise Throttled("slow down", retry_after=0)
        return echo(request)


def file() -> bytes:
    """Twelve records: one at fault, one whose answer is cut once, one whose answer is cut whatever the limit."""
    lines = [
        jsonl([chat_line(f"req-{number}", f"canary {number} {'x' * 100}", max_tokens=limit)])
        for number, limit in ((number, LIMITS.get(number, 50)) for number in range(RECORDS))
    ]
    lines[3] = b'{"custom_id":"req-3"\n'
    return b"".join(lines)


LIMITS = {7: 20, 8: 1}


def workflow(plot: Watch, *, hurried: bool = False, denies: bool = False) -> Workflow:
    laptop, ledger = noted_laptop(ScriptedEngine(Moody(denies=denies)), chunk_records=CHUNK_RECORDS)
    laptop.put_contract("paid", CONTRACT)
    return Workflow(laptop, ledger, plot, hurried=hurried)


def test_the_job_of_these_tests_has_every_kind_of_end_and_of_effect() -> None:
    quiet, stopped = workflow(nothing(), hurried=True), workflow(nothing(), denies=True)
    job_id = quiet.job(file(), KEY)
    stopped.job(file(), KEY)

    row = quiet.laptop.row(job_id)
    assert row.status is Status.COMPLETED
    assert row.tally.counts == dict.fromkeys(Ending, 0) | ENDINGS
    elsewhere = {
        Point.RECORDS,
        Point.TURN,
        Point.KEEP,
        Point.CIRCUIT,
    }  # no record's end hangs on these
    elsewhere |= {Point.STAND, Point.PLACE, Point.WAKE}  # those of lanes: test_lane_crash_points
    assert {*quiet.plot.seen, *stopped.plot.seen} - elsewhere == {*Point} - elsewhere
    check_invariants(quiet.laptop, job_id, quiet.ledger)
    check_money(quiet.laptop, job_id)


WAYS = pytest.mark.parametrize(
    ("hurried", "denies"),
    [(False, False), (True, False), (False, True)],
    ids=["one run", "many runs", "stopped"],
)


@WAYS
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("point", Point)
def test_a_kill_at_any_effect_breaks_no_law(
    point: Point, when: When, hurried: bool, denies: bool
) -> None:
    for plot in every_occurrence(point, when):
        plotted = workflow(plot, hurried=hurried, denies=denies)
        job_id = plotted.job(file(), KEY)
        check_end(plotted, job_id, denies=denies)
        check_all_calls_on_the_row(plotted, job_id)


def check_all_calls_on_the_row(plotted: Workflow, job_id: str) -> None:
    """Nobody is late here."""
    counted = sum(segment.header.calls for segment in segments_of(plotted.laptop, job_id))
    assert plotted.laptop.row(job_id).tally.calls == counted


def check_end(plotted: Workflow, job_id: str, *, denies: bool) -> None:
    check_invariants(plotted.laptop, job_id, plotted.ledger)
    row = plotted.laptop.row(job_id)
    assert row.status is (Status.INCOMPLETE if denies else Status.COMPLETED)
    assert (job_id, row.status) in plotted.laptop.events.said, "nobody was told of the end"
    due = plotted.laptop.jobs.due(datetime.max.replace(tzinfo=UTC))
    of_this_end = {each.what for each in due if each.ended_at == row.updated_at}
    assert of_this_end == {"job", "quarantine"}, "it would never be forgotten"
    if not denies:
        assert row.tally.counts == dict.fromkeys(Ending, 0) | ENDINGS
    if not plotted.ledger.dead:
        check_money(plotted.laptop, job_id)


@WAYS
@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
@pytest.mark.parametrize("point", Point)
def test_a_second_process_at_any_effect_of_the_first_breaks_no_law(
    point: Point, when: When, hurried: bool, denies: bool
) -> None:
    """The first is held up, as a process that was thought dead; the second does the whole step; the first goes on."""
    for plot in every_occurrence(point, when):
        plotted = workflow(plot, hurried=hurried, denies=denies)
        plot.die = partial(second, plotted)
        job_id = plotted.job(file(), KEY)
        check_end(plotted, job_id, denies=denies)


def second(plotted: Workflow) -> None:
    """In a thread of its own: an event loop may be running in this one."""
    with ThreadPoolExecutor(1) as other:
        other.submit(plotted.step, plotted.laptop).result()
