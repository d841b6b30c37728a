"""Crash points: every effect on the world has a number, and a process can be made to die before or after any of them.

Tests need that, to see what a kill leaves behind. A deployed function loads this file only where its environment has
``BATCHWRIGHT_CRASH_AT``, which no template sets.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import IntEnum, StrEnum
from inspect import iscoroutinefunction
from threading import Lock
from typing import Any, cast

from batchwright.errors import TimedOut

PORTS = {"objects", "jobs", "workflows", "events", "engine", "budgets", "schedules", "ledger"} | {
    *("batches", "endpoints", "submissions", "slots", "tasks", "circuits")
}


class Point(IntEnum):
    """The effects, in the order in which a job has them."""

    JOB_FILE = 1
    """``job.json`` is created."""
    JOB_ROW = 2
    """The job's row is added, changed or reopened."""
    START = 3
    """An execution, or a lane's batch, is started, or a call is queued at an endpoint."""
    RECORDS = 4
    """Records are put away: those of a message, an unfolded input, a round that joins."""
    PLAN = 5
    """The plan, its problems or its checkpoint appears."""
    SEGMENT = 6
    """A segment of a chunk log is created: a claim, outcomes, or both."""
    CALL = 7
    """A model is called."""
    STOP = 8
    """The reason why a job must stop is noted, or its batch is stopped."""
    REPORT = 9
    """A chunk's progress is reported."""
    MONEY = 10
    """Money is reserved or settled."""
    ASSEMBLE = 11
    """A file of the results or the checkpoint of closing appears."""
    RECEIPT = 12
    """The receipt or Bedrock's manifest is written."""
    PUBLISH = 13
    """An event is sent."""
    TURN = 14
    """A stretch of a model's schedule is leased or given back."""
    KEEP = 15
    """An answer is kept for whoever asks the same later."""
    LEDGER = 16
    """An entry is appended to the ledger."""
    SEAL = 17
    """A signed checkpoint or a job's seal is written."""
    DUE = 18
    """What is to be deleted of a job is noted, or was."""
    STAND = 19
    """It is noted how a submission stands, or how far it is staged."""
    PLACE = 20
    """A place in a lane is taken or given back."""
    WAKE = 21
    """A task that waits is told something."""
    CIRCUIT = 22
    """It is told that a model is down, or back, or who tries it."""


BY_METHOD = {
    "add": Point.JOB_ROW,
    "change": Point.JOB_ROW,
    "reopen": Point.JOB_ROW,
    "start": Point.START,
    "send": Point.START,
    "ask": Point.CALL,
    "stop": Point.STOP,
    "report_chunk": Point.REPORT,
    "reserve": Point.MONEY,
    "settle": Point.MONEY,
    "hold": Point.MONEY,
    "release": Point.MONEY,
    "exchange": Point.TURN,
    "append": Point.LEDGER,
    "add_due": Point.DUE,
    "settle_due": Point.DUE,
    "job_changed": Point.PUBLISH,
    "job_stalled": Point.PUBLISH,
    "started": Point.STAND,
    "register": Point.STAND,
    "arrived": Point.STAND,
    "ended": Point.STAND,
    "take": Point.PLACE,
    "give": Point.PLACE,
    "succeed": Point.WAKE,
    "open": Point.CIRCUIT,
    "half_open": Point.CIRCUIT,
    "open_again": Point.CIRCUIT,
    "close": Point.CIRCUIT,
}
# A call of an endpoint: as of a model, the client sends it once.
SENT_ONCE = "send"
# How an object appears: created, written, or uploaded to its end. The first pattern that is found tells which it is.
APPEARS = {"create", "write", "finish"}
BY_KEY = {
    r"/job\.json$": Point.JOB_FILE,
    r"/input\.jsonl$|/unfolded$|/rounds/\d+\.jsonl$": Point.RECORDS,
    r"plan\.jsonl$|/problems\.jsonl$|/planned\.json$|/lane\.json$|/work/plan\.json$|/work/ids/": Point.PLAN,
    r"/submissions\.jsonl$": Point.PLAN,
    r"/work/submit-|/placed/\d+\.json$": Point.STAND,
    r"/batches/\d+/stopped$": Point.STOP,
    r"^endpoints/input/": Point.RECORDS,
    r"/chunks/": Point.SEGMENT,
    r"/receipt\.json$|/manifest\.json\.out$": Point.RECEIPT,
    r"^cache/": Point.KEEP,
    r"^ledger/|/seal\.json$": Point.SEAL,
    r"^results/|/work/close\.json$": Point.ASSEMBLE,
}


class When(StrEnum):
    """What befalls an effect."""

    BEFORE = "before"
    """It never happens."""
    AFTER = "after"
    """It happens, and nobody hears of it."""
    LOST_REPLY = "lost-reply"
    """It happens, its reply is lost, and the client sends it once more; a call, which is sent once, times out."""


@dataclass
class Watch:
    """Counts the effects of a process, and lets ``die`` happen at one of them; where that returns, it goes on."""

    point: Point
    occurrence: int
    """Which effect of its kind it is, counted from 1."""
    when: When
    die: Callable[[], None]

    def __post_init__(self) -> None:
        """No effect was seen yet."""
        self.seen: Counter[Point] = Counter()
        self._lock = Lock()  # workers write from threads

    def reached(self, point: Point | None) -> When | None:
        """Count an effect that is about to happen, ``None`` for a read; return what is to befall it."""
        if point is None:
            return None
        with self._lock:
            self.seen[point] += 1
            hit = point is self.point and self.seen[point] == self.occurrence
        return self.when if hit else None


def watch_of(variable: str) -> Watch:
    """Read ``point:occurrence:when``, such as ``segment:2:after``; with ``@<file>``, only one process dies of many."""
    place, _, once = variable.partition("@")
    point, occurrence, when = place.split(":")

    def die() -> None:
        try:
            if once:
                os.close(os.open(once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return Watch(Point[point.upper()], int(occurrence), When(when), die)


def watched[World](world: World, watch: Watch) -> World:
    """Return a step's world with every port watched."""
    found: Any = world
    names = {field.name for field in fields(found)} & PORTS
    ports = {name: Watched(getattr(found, name), watch) for name in names}
    return cast("World", replace(found, **ports))


class Watched:
    """A port, or an upload to ``key``, whose effects are watched."""

    def __init__(self, port: Any, watch: Watch, key: str | None = None) -> None:
        """``port`` is any of the ports: this one passes everything on."""
        self._port = port
        self._watch = watch
        self._key = key

    def __getattr__(self, name: str) -> Any:
        """Return what the port has under this name, watched where it is a method."""
        found = getattr(self._port, name)
        if iscoroutinefunction(found):
            return self._call(found)
        return self._method(name, found) if callable(found) else found

    def _method(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def effect(*args: Any, **kwargs: Any) -> Any:
            fate = self._watch.reached(self._point(name, args))
            if fate is When.BEFORE:
                self._watch.die()
            answer = method(*args, **kwargs)
            if fate is When.AFTER:
                self._watch.die()
            if fate is When.LOST_REPLY:
                if name == SENT_ONCE:
                    raise TimedOut("the reply was lost")
                answer = method(*args, **kwargs)
            return Watched(answer, self._watch, args[0]) if name in {"begin", "resume"} else answer

        return effect

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def effect(*args: Any, **kwargs: Any) -> Any:
            fate = self._watch.reached(Point.CALL)
            if fate is When.BEFORE:
                self._watch.die()
            answer = await method(*args, **kwargs)
            if fate is When.AFTER:
                self._watch.die()
            if fate is When.LOST_REPLY:
                raise TimedOut("the reply was lost")
            return answer

        return effect

    def _point(self, name: str, args: tuple[Any, ...]) -> Point | None:
        if name not in APPEARS:
            return BY_METHOD.get(name)
        if self._key is not None and name != "finish":
            return None  # a block of an upload: nobody can see it yet
        key = self._key or args[0]
        return next((point for pattern, point in BY_KEY.items() if re.search(pattern, key)), None)
