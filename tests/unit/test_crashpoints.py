import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from batchwright.aws import wiring
from batchwright.crashpoints import (
    APPEARS,
    BY_KEY,
    BY_METHOD,
    Point,
    Watch,
    Watched,
    When,
    watch_of,
    watched,
)
from batchwright.errors import AlreadyExists
from batchwright.job import Reason
from batchwright.ports import (
    Account,
    Budgets,
    Clock,
    Engine,
    Events,
    Jobs,
    Objects,
    Schedules,
    Upload,
    Workflows,
)
from batchwright.steps.plan import World
from batchwright.uploads import whole
from tests.fakes import GrantedAccount, ListedEvents, MemoryJobs, MemoryObjects, StoppedClock
from tests.laptop import Laptop, chat_file

KEY = "jobs/j/chunks/000000/000000.jsonl"


class Died(BaseException):
    """A kill that a test survives."""


def die() -> None:
    raise Died


def armed(laptop: Laptop, point: Point, occurrence: int, when: When) -> Laptop:
    return watched(laptop, Watch(point, occurrence, when, die))


def drop(laptop: Laptop) -> str:
    return laptop.drop(chat_file(3))


def test_an_effect_before_which_a_process_dies_never_happens() -> None:
    laptop = Laptop()

    with pytest.raises(Died):
        drop(armed(laptop, Point.JOB_ROW, 1, When.BEFORE))

    assert laptop.jobs.rows == {}
    assert [*laptop.objects.keys("jobs/")] != [], "the job's file was written before"


def test_an_effect_after_which_a_process_dies_has_happened() -> None:
    laptop = Laptop()

    with pytest.raises(Died):
        drop(armed(laptop, Point.JOB_ROW, 1, When.AFTER))

    assert len(laptop.jobs.rows) == 1
    assert laptop.workflows.started == []


def test_an_effect_whose_reply_is_lost_is_sent_again() -> None:
    objects = MemoryObjects()
    watch = Watch(Point.SEGMENT, 1, When.LOST_REPLY, die)

    with pytest.raises(AlreadyExists):
        Watched(objects, watch).create(KEY, b"a")

    assert objects.versions == {KEY: [b"a"]}


async def test_a_call_whose_reply_is_lost_was_made_once_and_timed_out() -> None:
    laptop = Laptop()
    laptop.plan(job_id := drop(laptop))
    watch = Watch(Point.CALL, 1, When.LOST_REPLY, die)
    laptop.engine = Watched(laptop.engine, watch)

    await laptop.invoke(laptop.chunks(job_id)[0])

    laptop.close(job_id)
    assert watch.seen[Point.CALL] == 4
    assert laptop.row(job_id).tally.ambiguous_calls == 1


def test_the_second_of_two_effects_is_meant_where_the_second_is_named() -> None:
    jobs = MemoryJobs()
    jobs_watched = Watched(jobs, Watch(Point.STOP, 2, When.BEFORE, die))
    jobs_watched.stop("a", Reason(code="x", message=""))

    with pytest.raises(Died):
        jobs_watched.stop("b", Reason(code="x", message=""))

    assert [*jobs.reasons] == [("a", 0)]


def test_an_upload_is_seen_at_its_end_only() -> None:
    objects = MemoryObjects()
    watch = Watch(Point.PLAN, 2, When.BEFORE, die)
    with whole(Watched(objects, watch).begin("jobs/j/plan.jsonl")) as upload:
        upload.write(b"a")
        assert watch.seen[Point.PLAN] == 0

    assert watch.seen[Point.PLAN] == 1
    with pytest.raises(Died), whole(Watched(objects, watch).begin("jobs/j/plan.jsonl")) as upload:
        upload.write(b"b")
    assert objects.read("jobs/j/plan.jsonl") == b"a"


def test_every_object_that_a_whole_job_writes_has_a_number() -> None:
    laptop = Laptop()
    watch = Watch(Point.MONEY, 0, When.BEFORE, die)

    row = watched(laptop, watch).run(chat_file(3))

    assert row.counts()["succeeded"] == 3
    # The user's own file is the only object that no numbered effect made.
    assert len(written(laptop)) == sum(watch.seen[point] for point in OBJECTS) + 1
    assert {*watch.seen} == {*Point} - NOT_ALWAYS


# Only a job with a budget, a stop, records in a message, a cache, a retention, a lane that waits, or a model that is
# down has these.
NOT_ALWAYS = {Point.MONEY, Point.STOP, Point.RECORDS, Point.KEEP, Point.DUE}
NOT_ALWAYS |= {Point.STAND, Point.PLACE, Point.WAKE, Point.CIRCUIT}
OBJECTS = {*BY_KEY.values()}
READS = {
    *("bucket", "pin", "read", "read_pinned", "blocks", "keys", "now", "money", "state"),
    *(
        "tokens_a_minute",
        "get",
        "due",
        "stop_reason",
        "progress",
        "reported_at",
        "unended",
        "recent",
    ),
}
UPLOADS = {"begin", "resume", "upload", "abort", "pause"}


@pytest.mark.parametrize(
    "port",
    [Objects, Upload, Jobs, Workflows, Events, Engine, Budgets, Schedules, Account, Clock],
    ids=str,
)
def test_every_method_of_a_port_reads_or_has_a_number(port: type) -> None:
    methods = {name for name in vars(port) if not name.startswith("_")}

    assert methods <= READS | UPLOADS | APPEARS | {*BY_METHOD}


def written(laptop: Laptop) -> list[bytes | None]:
    return [content for versions in laptop.objects.versions.values() for content in versions]


def world(make: Callable[..., World] = World) -> World:
    return make(
        objects=MemoryObjects(),
        jobs=MemoryJobs(),
        events=ListedEvents(),
        clock=StoppedClock(),
        account=GrantedAccount(),
    )


def test_a_world_is_left_as_it_is_unless_a_test_arms_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(wiring.CRASH_AT, raising=False)
    assert wiring.armed(World) is World

    monkeypatch.setenv(wiring.CRASH_AT, "plan:1:before")
    watched_world = world(wiring.armed(World))

    assert isinstance(watched_world.objects, Watched)
    assert not isinstance(watched_world.clock, Watched)


def test_what_the_environment_says_is_read_by_name() -> None:
    watch = watch_of("job_row:3:lost-reply")

    assert (watch.point, watch.occurrence, watch.when) == (Point.JOB_ROW, 3, When.LOST_REPLY)


DYING = """
from batchwright.crashpoints import Watched, watch_of
from tests.fakes import MemoryJobs
from batchwright.job import Reason
Watched(MemoryJobs(), watch_of({at!r})).stop("j", Reason(code="x", message=""))
"""


def dying(at: str) -> int:
    return subprocess.run([sys.executable, "-c", DYING.format(at=at)], check=False).returncode  # noqa: S603 - ourselves


def test_an_armed_process_is_killed_and_with_a_file_only_the_first(tmp_path: Path) -> None:
    at = f"stop:1:after@{tmp_path / 'died'}"

    assert dying("stop:2:after") == 0
    assert [dying("stop:1:after"), dying(at), dying(at)] == [-signal.SIGKILL, -signal.SIGKILL, 0]
