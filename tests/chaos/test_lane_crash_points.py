"""A kill before or after every effect of a job whose chunks go through a batch (laws 1 to 4)."""

import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from batchwright.crashpoints import Point, Watch, When, watched
from batchwright.errors import Unavailable
from batchwright.job import Status
from batchwright.money import Money
from batchwright.submission import Submission
from tests.chaos.crashing import (
    TRIES,
    Crash,
    Process,
    TickingClock,
    came_true,
    every_occurrence,
    nothing,
    run,
)
from tests.chaos.invariants import segments_of
from tests.fakes import MODEL, NOON, GrantedAccount, ScriptedEngine
from tests.lanelaptop import BATCH, LaneLaptop
from tests.laptop import chat_file

RECORDS = 104
LEFT = 4
"""Records that the batch leaves without an answer."""
CONTRACT = BATCH.replace("1:0}", "1:0, rpm: 600000, tpm: 600000000}", 1) + "budget: {usd: 100}\n"
MOST_TURNS = 60
EFFECTS = [
    *(Point.SEGMENT, Point.START, Point.RECORDS, Point.MONEY, Point.STAND, Point.PLACE),
    *(Point.WAKE, Point.REPORT, Point.CALL),
]


@dataclass
class Child:
    """Takes one submission through the states of its child, each step again where it was killed."""

    laptop: LaneLaptop
    plot: Watch
    step: Callable[[LaneLaptop], Any] = lambda _: None
    """What is being tried."""

    def run(self, submission: Submission) -> None:
        state, tokens = "Submit", itertools.count()
        for _ in range(MOST_TURNS):
            if state == "Submit":
                state = self._submit(submission, f"task-{next(tokens)}")
                continue
            answer = self._tried(lambda laptop: run(laptop.collect(submission)))
            if answer["state"] in {"done", "stopped"}:
                return
            if answer["state"] == "paused":
                self.laptop.pass_time(answer["seconds"])
                continue
            state = "Submit" if answer["state"] == "waiting" else "Collect"
        raise AssertionError(state)

    def _submit(self, submission: Submission, token: str) -> str:
        self.laptop.tasks.waiting.add(token)
        self._tried(lambda laptop: run(laptop.hand_over(submission, token)))
        for _ in range(40):
            told = self.laptop.tasks.told.get(token)
            if told is not None:
                return "Collect" if told["state"] == "ended" else "Submit"
            self._tried(lambda laptop: laptop.pass_time(30))
        self.laptop.tasks.waiting.discard(token)
        return "Collect"

    def second(self) -> None:
        """Take the whole step once more, beside the process that is held up in the midst of it."""
        with ThreadPoolExecutor(1) as other:
            other.submit(self.step, self.laptop).result()

    def _tried[Answer](self, step: Callable[[LaneLaptop], Answer]) -> Answer:
        self.step = step
        for _ in range(TRIES):
            with suppress(Crash, Unavailable):
                return step(watched(self.laptop, Process(self.plot)))
        raise AssertionError("killed more often than the plot can")


def played(plot: Watch, *, doubled: bool = False) -> tuple[LaneLaptop, str]:
    laptop = LaneLaptop(
        engine=ScriptedEngine(),
        contract=CONTRACT,
        chunk_records=52,
        account=GrantedAccount({MODEL: 10**9}),
        clock=TickingClock(NOON),
    )
    laptop.batches.behave(faults=[{"do": "drop", "match": "sing [1-4] "}])
    job_id, (submission,) = laptop.batch(chat_file(RECORDS))
    child = Child(laptop, plot)
    if doubled:
        plot.die = child.second
    child.run(submission)
    laptop.close(job_id)
    return laptop, job_id


def check(laptop: LaneLaptop, job_id: str, *, killed: bool) -> None:
    row = laptop.row(job_id)
    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == RECORDS
    settled = Counter(
        outcome["index"] for each in segments_of(laptop, job_id) for outcome in each.outcomes
    )
    assert settled == dict.fromkeys(range(RECORDS), 1)
    assert len(laptop.batches.runs) == 1, "whatever dies, one batch is started"
    assert len(laptop.batches.asked) == RECORDS
    assert row.tally.calls >= RECORDS
    money = laptop.budgets.money(job_id)
    assert money.spent <= 100 * 10**9
    assert money.spent >= RECORDS * (2 * 60 + 240) // 2, "what was lost was paid for, too"
    if not killed:
        assert row.tally.calls == RECORDS
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


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
@pytest.mark.parametrize("point", EFFECTS)
def test_a_second_process_at_any_effect_of_the_first_breaks_no_law(
    point: Point, when: When
) -> None:
    for plot in every_occurrence(point, when):
        laptop, job_id = played(plot, doubled=True)
        check(laptop, job_id, killed=came_true(plot))
