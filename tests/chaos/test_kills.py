"""kill -9 and SIGSTOP at random moments, on real workers: nothing lost, nothing doubled, little paid twice."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.figure import Figure, at_least, at_most
from tests.chaos import SOAK
from tests.chaos.bed import Bed
from tests.chaos.processes import CHUNK_RECORDS, PER_KILL, Account, Blows, run
from tests.laptop import chat_file

CHUNKS = 4
# For each chunk of a job; the soak runs job after job until so many workers were killed.
KILLS, ZOMBIES = (5, 1) if SOAK else (3, 1)
WANTED = 200 if SOAK else 8

pytestmark = pytest.mark.timeout(1800 if SOAK else 900)


def test_whenever_workers_are_killed_every_record_has_one_outcome(bed: Bed, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    accounts: list[Account] = []
    while sum(each.blows.kills for each in accounts) < WANTED:
        content = chat_file(CHUNKS * CHUNK_RECORDS)
        accounts.append(
            run(bed, content, kills=KILLS, zombies=ZOMBIES, seed=seed + len(accounts), log=tmp_path)
        )

    every = [*figures(accounts)]
    for figure in every:
        print(figure, file=sys.stderr)  # noqa: T201 - the soak's lines
    assert [figure.name for figure in every if not figure.ok] == []


def figures(accounts: list[Account]) -> Iterator[Figure]:
    """Add up the accounts, and hold them against law 1 to 3."""
    blows = Blows(
        kills=sum(each.blows.kills for each in accounts),
        zombies=sum(each.blows.zombies for each in accounts),
    )
    records = sum(each.records for each in accounts)
    paid_again = sum(each.paid_again for each in accounts)
    hidden = sum(each.hidden for each in accounts)
    yield at_least("workers killed", blows.kills, WANTED)
    yield at_least("workers frozen, followed and woken up", blows.zombies, 1)
    yield at_most("records lost", sum(each.lost for each in accounts), 0, f"of {records}")
    yield at_most("records settled twice", sum(each.doubled for each in accounts), 0)
    yield at_most("records that did not succeed", sum(each.not_succeeded for each in accounts), 0)
    yield at_most("answers that nobody gave", sum(each.unasked for each in accounts), 0)
    yield at_most("calls paid again", paid_again, blows.lives * PER_KILL)
    yield at_most(
        "calls paid again for each blow", round(paid_again / (blows.lives or 1)), PER_KILL
    )
    deaths = [lost for each in accounts for lost in each.hidden_by_a_death]
    yield at_most("most calls that went with one worker", max(deaths, default=0), PER_KILL)
    yield at_least("calls that went with one worker, at least", min(deaths, default=0), 0)
    yield at_most("calls that the job does not count", hidden, blows.kills * PER_KILL)
    yield at_least("calls that the job does not count, at least", hidden, 0)
