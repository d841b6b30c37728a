"""The jobs of the account: begun once a token, found by id, listed in pages, stopped."""

import asyncio
import secrets
import string
from typing import Any

from tests.emulator.host.account import Account
from tests.emulator.host.batch.job import Job
from tests.emulator.host.batch.life import Life
from tests.emulator.host.desk import Desk
from tests.emulator.host.refusals import Refusal, invalid
from tests.emulator.host.wire.batch import CreateJob, ListJobs, bucket_and_key, job_id
from tests.emulator.host.wire.model_id import known

ALPHABET = string.ascii_lowercase + string.digits


class Jobs:
    """All jobs, and those that live as tasks of the host."""

    def __init__(self, desk: Desk, account: Account | None) -> None:
        """Without an account there is nowhere to read from, and every job is refused."""
        self._desk = desk
        self._account = account
        self._jobs: dict[str, Job] = {}
        self._lives: set[asyncio.Task[None]] = set()

    def create(self, wish: CreateJob) -> Job:
        """Begin a job, or return the one that was begun with the same token; or refuse it."""
        if self._account is None:
            raise invalid("This host was not told where S3 is: set AWS_ENDPOINT_URL.")
        if (standing := self._by_token(wish.client_request_token)) is not None:
            return standing
        self._check(wish)
        region, account = self._account.region, wish.role_arn.split(":")[4]
        name = "".join(secrets.choice(ALPHABET) for _ in range(12))
        arn = f"arn:aws:bedrock:{region}:{account}:model-invocation-job/{name}"
        job = self._jobs[name] = Job(wish=wish, arn=arn)
        life = asyncio.create_task(Life(job, self._desk, self._account).run())
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return job

    def get(self, identifier: str) -> Job:
        """Return a job by its ARN or id, or refuse."""
        job = self._jobs.get(job_id(identifier))
        if job is None:
            raise Refusal(
                404, "ResourceNotFoundException", "The specified batch job could not be found."
            )
        return job

    def listed(self, asked: ListJobs) -> dict[str, Any]:
        """Return a page of jobs, the newest first."""
        found = [job for job in self._jobs.values() if _fits(job, asked)]
        if asked.sort_order == "Descending":
            found.reverse()
        end = asked.next_token + asked.max_results
        page: dict[str, Any] = {
            "invocationJobSummaries": [job.told() for job in found[asked.next_token : end]]
        }
        if end < len(found):
            page["nextToken"] = str(end)
        return page

    def stop(self, identifier: str) -> dict[str, Any]:
        """Ask for a job to be stopped, or refuse; there is nothing to answer."""
        job = self.get(identifier)
        if job.ended:
            raise Refusal(
                400, "ConflictException", f"The batch job has ended already as {job.status}."
            )
        job.become("Stopping")
        job.asked_to_stop.set()
        return {}

    async def forget(self) -> None:
        """End all jobs where they are, and forget them."""
        lives = list(self._lives)
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        self._jobs.clear()

    def _by_token(self, token: str | None) -> Job | None:
        jobs = self._jobs.values()
        return next((job for job in jobs if token and job.wish.client_request_token == token), None)

    def _check(self, wish: CreateJob) -> None:
        """Refuse at once what Bedrock refuses at once; what is in the files shows later."""
        known(wish.model_id)
        bucket, key = bucket_and_key(wish.input.s3_uri)
        if not key:
            raise invalid("The input data config must name a .jsonl file, or a folder of them.")
        if (bucket, key) == bucket_and_key(wish.output.s3_uri):
            raise invalid("The input and the output location must not be the same.")
        standing = sum(
            not job.ended and job.wish.model_id == wish.model_id for job in self._jobs.values()
        )
        if standing >= self._desk.behaviour.batch.max_jobs:
            raise Refusal(
                400,
                "ServiceQuotaExceededException",
                "The number of batch jobs of this model that are submitted or in progress exceeds the quota.",
            )


def _fits(job: Job, asked: ListJobs) -> bool:
    after, before = asked.submit_time_after, asked.submit_time_before
    return (
        asked.name_contains in job.wish.job_name
        and asked.status_equals in (None, job.status)
        and (after is None or job.submitted_at > after)
        and (before is None or job.submitted_at < before)
    )
