"""Which lane a submission is in, on AWS."""

from batchwright.asynclane import AsyncLane
from batchwright.aws.clock import SystemClock
from batchwright.aws.lanewiring import batch_inference, submissions
from batchwright.aws.wiring import objects, settings
from batchwright.aws.worlds.invoke import endpoints
from batchwright.batchlane import BatchLane
from batchwright.job import Job
from batchwright.lane import SAGEMAKER_ASYNC
from batchwright.submission import Submission


def lane_of(submission: Submission, job: Job) -> AsyncLane:
    """Return the lane of a job's submission."""
    if submission.lane != SAGEMAKER_ASYNC:
        return BatchLane(submission, batch_inference(), objects(), places=settings().batch_jobs)
    # Only the steps of this lane load what containers read and answer.
    from batchwright.endpointlane import EndpointLane  # noqa: PLC0415

    route = job.terms.route_to(submission.model)
    return EndpointLane(
        submission, route, endpoints(), objects(), submissions(), now=SystemClock().now
    )
