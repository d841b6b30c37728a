"""Which lane a submission is in, on AWS."""

from batchwright.asynclane import AsyncLane
from batchwright.aws.wiring import batch_inference, objects, settings
from batchwright.batchlane import BatchLane
from batchwright.job import Job
from batchwright.submission import Submission


def lane_of(submission: Submission, job: Job) -> AsyncLane:  # noqa: ARG001 - an endpoint's stands in the contract
    """Return the lane of a job's submission."""
    return BatchLane(submission, batch_inference(), objects(), places=settings().batch_jobs)
