"""Submit: what is uploaded, what is asked for, and what is said of it."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from batchwright.aws.jobs import DynamoDBJobs
from batchwright.cli.faults import Code, Halt
from batchwright.cli.stack import find_stack
from batchwright.cli.submit import Via, submit
from batchwright.job import JobRow
from tests.cli.cloud import BUCKET, TABLE, Cloud
from tests.cli.conftest import Command
from tests.fakes import MODEL
from tests.laptop import chat_file, chat_line, jsonl

CONTRACT = f"name: triage\nroutes: [{{model: {MODEL}, max_tokens: 50}}]\nmodels: {{'*': {MODEL}}}\n"


@pytest.mark.parametrize("via", ["s3", "queue"])
@pytest.mark.parametrize("contract", ["default", "triage"])
def test_the_id_that_is_said_is_the_one_that_admission_makes(
    cloud: Cloud, batchwright: Command, mails: Path, via: str, contract: str
) -> None:
    cloud.put_contract("triage", CONTRACT)

    said = batchwright("submit", mails, "--contract", contract, "--via", via, "--json")

    (admitted,) = cloud.admit()
    assert said.code == 0
    assert said.json["job_id"] == admitted.job_id
    assert said.json["new"] is True
    assert admitted.new
    assert admitted.refusal is None


@pytest.mark.parametrize("what", ["results: 91d", "quarantine: 8d"])
def test_a_contract_that_the_stack_cannot_keep_to_is_told_before_anything_is_uploaded(
    cloud: Cloud, batchwright: Command, mails: Path, what: str
) -> None:
    cloud.put_contract("triage", f"{CONTRACT}retention: {{{what}}}\n")

    said = batchwright("submit", mails, "--contract", "triage", "--json")

    assert said.code == Code.REFUSED
    assert "this stack keeps" in said.err
    assert _versions(cloud, "inbox/") == []


def test_a_file_dropped_twice_is_uploaded_once_and_is_one_job(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    first = batchwright("submit", mails, "--json").json
    (row,) = cloud.run()

    second = batchwright("submit", mails, "--json")

    assert second.json["job_id"] == first["job_id"] == row.job_id
    assert second.json["new"] is False
    assert second.json["status"] == "completed"
    assert len(_versions(cloud, "inbox/")) == 1
    assert cloud.admit() == []


def test_people_are_told_that_a_job_stands_already(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    new = batchwright("submit", mails)
    cloud.run()

    standing = batchwright("submit", mails)

    assert "is a new job" in new.err
    assert "stands already; --again runs it once more" in standing.err


def test_a_job_that_admission_makes_before_its_row_is_looked_up_is_new(
    cloud: Cloud, mails: Path
) -> None:
    class QuickJobs(DynamoDBJobs):
        def get(self, job_id: str) -> JobRow | None:
            cloud.admit()
            return super().get(job_id)

    stack = replace(find_stack(), jobs=QuickJobs(boto3.client("dynamodb"), TABLE))

    submitted = submit(mails, stack, contract="default", via=Via.S3, again=None)

    assert submitted.row is not None
    assert submitted.new


def test_a_job_that_stood_before_its_file_was_uploaded_anew_is_not_new(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    before = batchwright("submit", mails, "--json").json
    cloud.admit()
    row = cloud.jobs.get(before["job_id"])
    assert row is not None
    cloud.jobs.change(replace(row, created_at="2026-01-01T12:00:00.000Z"))
    cloud.objects._s3.delete_object(Bucket=BUCKET, Key=before["input"].removeprefix("s3://box/"))

    after = batchwright("submit", mails, "--json").json

    assert after["job_id"] == before["job_id"]
    assert after["new"] is False
    assert len(_versions(cloud, "inbox/")) == 2


def test_a_file_that_lies_there_is_asked_for_by_a_message_when_its_contract_has_changed(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    cloud.put_contract("triage", CONTRACT)
    before = batchwright("submit", mails, "--contract", "triage", "--json").json
    cloud.run()
    cloud.put_contract("triage", CONTRACT.replace("50", "60"))

    after = batchwright("submit", mails, "--contract", "triage", "--json").json

    (row,) = cloud.run()
    assert row.job_id == after["job_id"] != before["job_id"]
    assert after["new"] is True
    assert len(_versions(cloud, "inbox/")) == 1


def test_again_makes_another_job_each_time(cloud: Cloud, batchwright: Command, mails: Path) -> None:
    ids = [batchwright("submit", mails, "--json").json["job_id"]]
    ids += [batchwright("submit", mails, "--again", "--json").json["job_id"] for _ in range(2)]

    admitted = [one.job_id for one in cloud.admit()]

    assert sorted(admitted) == sorted(ids)
    assert len(set(ids)) == 3


def test_what_goes_by_the_queue_is_not_dropped_in_the_inbox(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    batchwright("submit", mails, "--via", "queue")

    (message,) = cloud.messages()
    address = json.loads(message)["input"]
    assert address.startswith("s3://box/uploads/")
    assert address.endswith("/mails.jsonl")
    assert _versions(cloud, "inbox/") == []


def test_a_file_of_many_parts_arrives_whole(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    file = tmp_path / "large.jsonl"
    file.write_bytes(jsonl([chat_line(str(n), "x" * 100_000) for n in range(200)]))

    said = batchwright("submit", file, "--json").json

    key = said["input"].removeprefix("s3://box/")
    assert cloud.objects.read(key) == file.read_bytes()
    assert cloud.admit()[0].job_id == said["job_id"]


def test_a_pipe_is_refused_because_it_cannot_be_read_twice(
    cloud: Cloud, batchwright: Command
) -> None:
    read, written = os.pipe()
    os.write(written, chat_file(1))
    os.close(written)

    said = batchwright("submit", f"/dev/fd/{read}")

    os.close(read)
    assert said.code == 2
    assert "is no file that can be read twice; write it to disk first" in said.err
    assert [*cloud.objects.keys("")] == []


@pytest.mark.parametrize(("records", "in_parts"), [(2, False), (200, True)])
def test_of_a_file_that_changes_while_it_is_uploaded_nothing_is_left(
    cloud: Cloud, tmp_path: Path, records: int, in_parts: bool
) -> None:
    file = tmp_path / "growing.jsonl"
    whole = jsonl([chat_line(str(n), "x" * 100_000) for n in range(records)])
    file.write_bytes(whole)
    stack, calls = find_stack(), list[str]()

    def change(model: Any, **_: Any) -> None:
        calls.append(model.name)
        if model.name in {"HeadObject", "CreateMultipartUpload"}:
            file.write_bytes(whole.swapcase())  # as long as before

    stack.s3.meta.events.register("before-call.s3", change)
    with pytest.raises(Halt, match=r"growing.jsonl was changed while it was read"):
        submit(file, stack, contract="default", via=Via.S3, again=None)

    assert ("CreateMultipartUpload" in calls) == in_parts
    assert not {"PutObject", "CompleteMultipartUpload"} & {*calls}
    assert [*cloud.objects.keys("inbox/")] == []
    assert "Uploads" not in stack.s3.list_multipart_uploads(Bucket=BUCKET)


@pytest.mark.parametrize("doors", [("s3", "queue"), ("queue", "s3")])
def test_a_file_is_one_job_through_whichever_door_it_goes(
    cloud: Cloud, batchwright: Command, mails: Path, doors: tuple[str, str]
) -> None:
    first, second = doors
    new = batchwright("submit", mails, "--via", first, "--json").json
    (row,) = cloud.run()
    batchwright("submit", mails, "--again")
    cloud.run()

    standing = batchwright("submit", mails, "--via", second, "--json").json

    assert new["job_id"] == standing["job_id"] == row.job_id
    assert (new["new"], standing["new"]) == (True, False)
    assert cloud.admit() == []


def test_a_name_from_outside_becomes_a_harmless_key(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    file = tmp_path / "Mails +100% für März.jsonl"
    file.write_bytes(chat_file(1))

    said = batchwright("submit", file, "--json").json

    assert said["input"].endswith("/Mails-100-f-r-M-rz.jsonl")
    assert cloud.admit()[0].job_id == said["job_id"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("отчёт.md", "file.md"),
        ("報告.txt", "file.txt"),
        ("данные за год.tsv.gz", "file.tsv.gz"),
        ("отчёт-2.md", "2.md"),
        ("отчёт", "file"),
    ],
)
def test_a_name_in_another_script_keeps_its_suffix_which_tells_what_it_is(
    cloud: Cloud, batchwright: Command, tmp_path: Path, name: str, kept: str
) -> None:
    file = tmp_path / name
    file.write_bytes(chat_file(1))

    said = batchwright("submit", file, "--json").json

    assert said["input"].endswith(f"/{kept}")
    assert cloud.admit()[0].job_id == said["job_id"]


def test_an_unknown_contract_is_refused_before_anything_is_uploaded(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    said = batchwright("submit", mails, "--contract", "nobodys", "--json")

    assert said.code == 4
    assert said.out == ""
    assert said.err == (
        "batchwright: there is no contract 'nobodys'; put it with: batchwright contract put nobodys.yaml\n"
    )
    assert [*cloud.objects.keys("")] == []


@pytest.mark.parametrize("name", ["Triage", "../contracts", "a b", ""])
def test_a_contract_with_an_impossible_name_is_refused(
    cloud: Cloud, batchwright: Command, mails: Path, name: str
) -> None:
    said = batchwright("submit", mails, "--contract", name)

    assert said.code == 4
    assert "is no contract's name" in said.err
    assert [*cloud.objects.keys("")] == []


def test_a_contract_that_does_not_read_is_refused_with_its_fault(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    cloud.put_contract("triage", "name: triage\nroutes: []\n")

    said = batchwright("submit", mails, "--contract", "triage")

    assert said.code == 4
    assert "routes" in said.err
    assert said.err.count("\n") == 1


def _versions(cloud: Cloud, prefix: str) -> list[str]:
    found = cloud.objects._s3.list_object_versions(Bucket="box", Prefix=prefix)
    return [version["Key"] for version in found.get("Versions", [])]
