"""A job's files: the lines that it reads, by their places in a file on disk, and the answers that it writes.

Nothing of their size is held in memory: a job may have a gigabyte.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.emulator.host.account import keys_below
from tests.emulator.host.batch.job import Job, JobFails
from tests.emulator.host.batch.record import Record
from tests.emulator.host.wire.batch import bucket_and_key


@dataclass(kw_only=True)
class InputFile:
    """One file of lines, fetched; and beside it the file of its answers, which grows."""

    name: str
    lines: Path
    answers: Path
    starts: array[int] = field(default_factory=lambda: array("Q", [0]))
    """Where each line begins, and where the last one ends."""

    @property
    def records(self) -> int:
        """How many lines it has."""
        return len(self.starts) - 1

    def read(self, place: int) -> bytes:
        """Return one line."""
        start, end = self.starts[place], self.starts[place + 1]
        with self.lines.open("rb") as lines:
            lines.seek(start)
            return lines.read(end - start)

    def write(self, lines: Sequence[bytes]) -> None:
        """Add answers."""
        with self.answers.open("ab") as answers:
            answers.writelines(lines)


def fetched(files: Any, job: Job, place: Path, *, max_bytes: int) -> list[InputFile]:
    """Fetch the input into a directory, and find its lines; or say why the job fails."""
    bucket, key = bucket_and_key(job.wish.input.s3_uri)
    if key.endswith(".jsonl"):
        keys = [key]
    else:
        keys = [
            each["Key"] for each in keys_below(files, bucket, key) if each["Key"].endswith(".jsonl")
        ]
    if not keys:
        raise JobFails(f"The input location of {job.arn} holds no .jsonl file.")
    return [
        _fetched(files, bucket, each, place / str(number), job, max_bytes)
        for number, each in enumerate(keys)
    ]


def _fetched(files: Any, bucket: str, key: str, place: Path, job: Job, max_bytes: int) -> InputFile:
    size = files.head_object(Bucket=bucket, Key=key)["ContentLength"]
    if size > max_bytes:
        raise JobFails(
            f"Batch job {job.arn} has an input file of {size} bytes, more than the maximum of: {max_bytes}"
        )
    place.mkdir()
    found = InputFile(name=key.rpartition("/")[2], lines=place / "lines", answers=place / "answers")
    found.answers.touch()
    files.download_file(bucket, key, str(found.lines))
    try:
        with found.lines.open("rb") as lines:
            for line in lines:
                Record.read(line)
                found.starts.append(found.starts[-1] + len(line))
    except ValueError:
        raise JobFails(
            f"Batch job {job.arn} has in {found.name} a line {found.records + 1} that is no record."
        ) from None
    return found


def published(files: Any, job: Job, inputs: Sequence[InputFile]) -> None:
    """Write what was answered where the job was asked to write it."""
    output = job.wish.output
    bucket, folder = bucket_and_key(output.s3_uri)
    under: dict[str, str] = {}
    if output.s3_encryption_key_id is not None:
        under = {
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": output.s3_encryption_key_id,
        }
    for each in inputs:
        with each.answers.open("rb") as answers:
            files.put_object(
                Bucket=bucket, Key=f"{folder}{job.id}/{each.name}.out", Body=answers, **under
            )
    files.put_object(
        Bucket=bucket,
        Key=f"{folder}{job.id}/manifest.json.out",
        Body=orjson.dumps(job.manifest()),
        **under,
    )
