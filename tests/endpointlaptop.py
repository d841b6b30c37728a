"""A whole job in memory whose chunks wait in the queue of an endpoint; the workflow's turns are taken by hand."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from batchwright.asynclane import AsyncLane
from batchwright.endpointlane import EndpointLane
from batchwright.job import Job
from batchwright.steps.wake import Woken, wake
from batchwright.steps.wake import World as WakeWorld
from batchwright.submission import Submission
from tests.fakes_endpoints import ScriptedEndpoints
from tests.lanelaptop import LaneLaptop

ENDPOINT = """
name: batch
lane: sagemaker_async
routes: [{engine: sagemaker, endpoint: own}]
models: {"*": own}
"""


@dataclass
class EndpointLaptop(LaneLaptop):
    """The laptop, with an endpoint that works whenever time passes."""

    contract: str = ENDPOINT
    endpoints: ScriptedEndpoints = None  # type: ignore[assignment]  # over the laptop's own bucket
    works: bool = True
    """Whether the endpoint works at all, or lets everything wait."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.endpoints is None:
            self.endpoints = ScriptedEndpoints(self.objects)

    def lane_of(self, submission: Submission, job: Job) -> AsyncLane:
        route = job.terms.route_to(submission.model)
        return EndpointLane(
            submission,
            route,
            self.endpoints,
            self.objects,
            self.submissions,
            now=lambda: self.clock.time,
        )

    def pass_time(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)
        self.endpoints.pass_time(seconds)
        if self.works:
            self.endpoints.work()
        self.deliver()

    def deliver(self) -> None:
        told, self.heard = self.endpoints.notices[self.heard :], len(self.endpoints.notices)
        if not self.deaf:
            for each in told:
                self.notify(each)

    def notify(self, told: Mapping[str, Any]) -> Woken:
        """Deliver one notification."""
        world = WakeWorld(submissions=self.submissions, tasks=self.tasks)
        return wake(json.dumps(told), world)
