"""Forget: everything that a job holds of anybody goes; what proves that it was, and that it went, stays."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from batchwright.aws.clock import SystemClock
from batchwright.aws.faults import told
from batchwright.cli.evidence import ended
from batchwright.errors import Missing
from batchwright.job import Job, JobRow, timestamp
from batchwright.ledger import Entry
from batchwright.lines import lines
from batchwright.places import JOBS, QUARANTINE, RESULTS, answer_key, job_key, result_key
from batchwright.verifying import OUTCOMES, RECEIPT, SEAL

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

    from batchwright.cli.stack import Stack

# Hashes, all of them under a salt that goes: nobody can guess from them what they are of.
STAYS = (RECEIPT, SEAL)
TREE = "/tree/"
MOST_AT_ONCE = 1000


def forget(row: JobRow, stack: "Stack") -> dict[str, Any]:
    """Delete a job's input, working files, results, quarantine, cached answers and salt, in all their versions.

    Can be repeated, after a crash for one. The deletion is an entry of the ledger.
    """
    ended(row, stack)
    doomed = [*_cached(row, stack), *_input(row, stack)]
    deleted = _delete(doomed, stack)
    for prefix in (f"{JOBS}{row.job_id}/", f"{QUARANTINE}{row.job_id}/", f"{RESULTS}{row.job_id}/"):
        deleted += _delete(
            (each for each in _versions(prefix, stack) if not _stays(each[0])), stack
        )
    facts = {"redrives": row.redrives}
    appended = stack.ledger.append(
        Entry("forget", row.job_id, timestamp(SystemClock().now()), facts)
    )
    return {"job_id": row.job_id, "deleted": deleted, "entry": appended.number}


def _stays(key: str) -> bool:
    return key.startswith(RESULTS) and (key.endswith(STAYS) or TREE in key)


def _input(row: JobRow, stack: "Stack") -> Iterator[tuple[str, str | None]]:
    """Yield the version of the input that the job pinned; what else lies under its key is not the job's."""
    try:
        job = Job.model_validate_json(stack.objects.read(job_key(row.job_id)))
    except Missing:
        return
    if job.input is not None and job.input.key:
        yield job.input.key, job.input.version_id


def _cached(row: JobRow, stack: "Stack") -> Iterator[tuple[str, str | None]]:
    for redrive in range(row.redrives + 1):
        try:
            pin = stack.objects.pin(result_key(row.job_id, OUTCOMES, redrive))
        except Missing:
            continue
        for line in lines(stack.objects.blocks(pin)):
            request_digest = orjson.loads(line.content or b"{}").get("request_digest")
            if request_digest:
                yield from _versions(answer_key(request_digest), stack)


def _versions(prefix: str, stack: "Stack") -> Iterator[tuple[str, str | None]]:
    """Yield every version and every delete marker under a prefix."""
    with told(f"listing of the versions under {prefix}"):
        pages = stack.s3.get_paginator("list_object_versions").paginate(
            Bucket=stack.objects.bucket, Prefix=prefix
        )
        for page in pages:
            for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                yield found["Key"], found["VersionId"]


def _delete(doomed: Iterable[tuple[str, str | None]], stack: "Stack") -> int:
    """Delete versions, a thousand at once; return how many they were."""
    every: list[ObjectIdentifierTypeDef] = [
        {"Key": key, "VersionId": version} if version else {"Key": key} for key, version in doomed
    ]
    for first in range(0, len(every), MOST_AT_ONCE):
        some = every[first : first + MOST_AT_ONCE]
        with told("deletion of a job's objects"):
            answer = stack.s3.delete_objects(
                Bucket=stack.objects.bucket, Delete={"Objects": some, "Quiet": True}
            )
        if failed := answer.get("Errors"):
            raise Missing(
                f"{len(failed)} objects could not be deleted ({failed[0].get('Code')}); forget the job once more"
            )
    return len(every)
