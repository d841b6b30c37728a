"""Wake: a notification says that something came of a submission; tell the task that waits for it.

Notifications may be lost, come twice, too early, or too late: all that they do is to have somebody look.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from batchwright.batchjob import ENDED, BatchStatus
from batchwright.endpointnotice import Notice, notice_in
from batchwright.ports import Submissions, Tasks
from batchwright.submission import NAME

BATCH_CHANGED = "Batch Inference Job State Change"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What waking needs of the world."""

    submissions: Submissions
    tasks: Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """What became of a notification, for the log."""

    name: str | None = None
    """The submission that it speaks of."""
    woke: bool = False
    """Whether a task was waiting for it."""


def wake(body: str, world: World) -> Woken:
    """Take one notification; what is not about a submission of ours is left alone."""
    name = name_in(body)
    if name is not None:
        return _woken(name, world)
    notice = _notice_in(body)
    if notice is None:
        return Woken()
    if notice.record is None:
        return _woken(notice.submission, world)
    standing = world.submissions.arrived(notice.submission, [notice.record])
    if standing is None or len(standing.arrived) < standing.records:
        return Woken(name=notice.submission)
    return _woken(notice.submission, world)


def _woken(name: str, world: World) -> Woken:
    standing = world.submissions.ended(name)
    if standing is None or standing.token is None:
        return Woken(name=name)  # it is found ended as soon as a task wants to wait for it
    return Woken(name=name, woke=world.tasks.succeed(standing.token, {"state": "ended"}))


def _notice_in(body: str) -> Notice | None:
    """Return what SageMaker says of a call, if it is one of ours."""
    try:
        return notice_in(orjson.loads(body))
    except orjson.JSONDecodeError:
        return None


def name_in(body: str) -> str | None:
    """Return the submission that a notification says has ended, if it is one of ours."""
    try:
        told: Any = orjson.loads(body)
        if told["detail-type"] != BATCH_CHANGED:
            return None
        name, status = str(told["detail"]["batchJobName"]), BatchStatus(told["detail"]["status"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    return name if name.startswith(NAME) and status in ENDED else None
