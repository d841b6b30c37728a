"""A whole job in memory whose chunks go through an asynchronous lane; the workflow's turns are taken by hand."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from batchwright.asynclane import AsyncLane
from batchwright.batchjob import BatchStatus
from batchwright.batchlane import BatchLane
from batchwright.job import Job, JobRow
from batchwright.places import submissions_key
from batchwright.steps.close import World as CloseWorld
from batchwright.steps.collect import Seen, collect
from batchwright.steps.collect import World as CollectWorld
from batchwright.steps.submit import World as SubmitWorld
from batchwright.steps.submit import submit
from batchwright.steps.wake import Woken, wake
from batchwright.steps.wake import World as WakeWorld
from batchwright.submission import Submission
from tests import timelapse
from tests.canary import silent
from tests.fakes import NOON
from tests.fakes_batch import ScriptedBatchInference
from tests.laptop import Laptop, chat_line, song

BATCH = """
name: batch
lane: bedrock_batch
routes: [{model: us.amazon.nova-lite-v1:0}]
models: {"*": us.amazon.nova-lite-v1:0}
"""
LOOK_UP = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}
CALLED = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look_up", "arguments": '{"what": "bird"}'},
}
# More turns than any test needs.
MOST_TURNS = 400
POLL = 930


def hurrying(start: int, step: int) -> Callable[[], float]:
    """Return a clock of the time that is left, which loses so many seconds whenever it is looked at."""
    left = itertools.count(start, -step)
    return lambda: float(next(left))


def tool_lines(count: int) -> list[dict[str, Any]]:
    """Of four lines one must call a tool, one may, one tells what a tool answered, and one knows of none."""
    lines = [chat_line(f"req-{number}", song(number)) for number in range(count)]
    for number, line in enumerate(lines):
        body = line["body"]
        if number % 4 != 3:
            body["tools"] = [LOOK_UP]
        if number % 4 == 0:
            body["tool_choice"] = "required"
        if number % 4 == 2:
            body["messages"] += [
                {"role": "assistant", "content": None, "tool_calls": [CALLED]},
                {"role": "tool", "tool_call_id": "call_1", "content": f"heard {song(number)}"},
            ]
    return lines


@dataclass
class LaneLaptop(Laptop):
    """The laptop, with Bedrock's batch inference; time passes only where a test or a wait lets it."""

    contract: str = BATCH
    batch_jobs: int = 20
    batches: ScriptedBatchInference = None  # type: ignore[assignment]  # over the laptop's own bucket
    deaf: bool = False
    """Whether no notification arrives."""
    tokens: int = 0
    heard: int = 0
    """How many of the batches' events were delivered."""
    turns: list[str] = field(default_factory=list)
    """Every state of a submission's child, as it came."""
    seen: Seen = field(default_factory=Seen)
    """What was collected last."""

    def __post_init__(self) -> None:
        if self.batches is None:
            self.batches = ScriptedBatchInference(self.objects)
            self.put_contract("batch", self.contract)

    def lane_of(self, submission: Submission, _job: Job) -> AsyncLane:
        return BatchLane(submission, self.batches, self.objects, places=self.batch_jobs)

    def close_world(self) -> CloseWorld:
        ports = {"submissions": self.submissions, "batch_inference": lambda: self.batches}
        return replace(super().close_world(), **ports)  # type: ignore[arg-type]

    def pass_time(self, seconds: float) -> None:
        """Let so much time pass for everybody, and events arrive."""
        self.clock.time += timedelta(seconds=seconds)
        self.batches.pass_time(seconds)
        self.deliver()

    def deliver(self) -> None:
        """Deliver the events that are under way."""
        told, self.heard = self.batches.told[self.heard :], len(self.batches.told)
        for name, status in told:
            if not self.deaf:
                self.wake(name, status)

    def wake(self, name: str, status: BatchStatus) -> Woken:
        event = {
            "source": "aws.bedrock",
            "detail-type": "Batch Inference Job State Change",
            "detail": {"batchJobName": name, "status": status.value},
        }
        return wake(json.dumps(event), WakeWorld(submissions=self.submissions, tasks=self.tasks))

    def batch(self, content: bytes) -> tuple[str, list[Submission]]:
        """Drop a file into the inbox of the contract and plan it; return the job and its submissions."""
        job_id = self.drop(content, "inbox/batch/file.jsonl")
        self.plan(job_id)
        return job_id, self.submitted(job_id)

    def submitted(self, job_id: str, redrive: int = 0) -> list[Submission]:
        lines = self.objects.lines(submissions_key(job_id, redrive))
        return [Submission.model_validate_json(line) for line in lines]

    async def submit(
        self, submission: Submission, *, time_left: Callable[[], float] = lambda: 900.0
    ) -> tuple[str, dict[str, Any] | None]:
        """Call submit for a new task; return its token, and the answer that it was given at once."""
        self.tokens += 1
        token = f"token-{self.tokens}"
        self.tasks.waiting.add(token)
        answer = await self.hand_over(submission, token, time_left=time_left)
        assert self.tasks.told.get(token) == answer
        return token, answer

    async def give_up(self, submission: Submission, failure: dict[str, Any]) -> dict[str, Any]:
        """Say that a step of a submission's child failed."""
        given: dict[str, Any] = {"time_left": lambda: 900.0, "in_flight": 8, "failure": failure}
        answer, reports = await submit(submission, None, self.submit_world(), **given)
        assert answer is not None
        assert not reports
        return answer

    async def hand_over(
        self, submission: Submission, token: str, *, time_left: Callable[[], float] = lambda: 900.0
    ) -> dict[str, Any] | None:
        """Call submit for a task; return what it was told at once."""
        answer, reports = await submit(
            submission,
            token,
            self.submit_world(),
            time_left=time_left,
            in_flight=8,
        )
        silent("what submit answers, or measures", (answer, reports))
        return answer

    def submit_world(self) -> SubmitWorld:
        return SubmitWorld(
            worker=self.worker_world(),
            lane=self.lane_of,
            submissions=self.submissions,
            slots=self.slots,
            tasks=self.tasks,
        )

    async def collect(
        self, submission: Submission, *, time_left: Callable[[], float] = lambda: 900.0
    ) -> dict[str, Any]:
        world = CollectWorld(
            worker=self.worker_world(),
            lane=self.lane_of,
            submissions=self.submissions,
            slots=self.slots,
        )
        answer, reports, self.seen = await collect(
            submission, world, time_left=time_left, in_flight=8
        )
        silent("what collect answers, or measures", (answer, reports, self.seen))
        return answer

    async def child(self, submission: Submission, state: str = "Submit") -> str:
        """Take a submission's child of the map to its end, as the workflow does."""
        for _ in range(MOST_TURNS):
            self.turns.append(state)
            if state == "Submit":
                state = await self._submit_and_sleep(submission)
            else:
                answer = await self.collect(submission)
                if answer["state"] in {"done", "stopped"}:
                    return str(answer["state"])
                if answer["state"] == "paused":
                    self.pass_time(answer["seconds"])
                state = "Submit" if answer["state"] == "waiting" else "Collect"
            if state == "stopped":
                return state
        raise AssertionError(self.turns)

    async def _submit_and_sleep(self, submission: Submission) -> str:
        token, answer = await self.submit(submission)
        slept = 0.0
        while answer is None and slept < POLL:
            self.pass_time(30)
            slept += 30
            told = self.tasks.told.get(token)
            answer = None if told is None else {**told}
        self.tasks.waiting.discard(token)  # its time is out
        if answer is None or answer["state"] == "ended":
            return "Collect"
        if answer["state"] == "paused":
            self.pass_time(answer["seconds"])
        return "stopped" if answer["state"] == "stopped" else "Submit"

    def to_the_end(self, job_id: str, redrive: int = 0) -> JobRow:
        """Take all submissions of a planned job to their end, one after the other, and close it."""
        for submission in self.submitted(job_id, redrive):
            timelapse.run(self.child(submission))
        self.close(job_id, redrive=redrive)
        return self.row(job_id)

    @property
    def passed(self) -> float:
        """Seconds since the job was dropped."""
        return (self.clock.time - NOON).total_seconds()
