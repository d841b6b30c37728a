import itertools
import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest

from batchwright.errors import AccessDenied, BatchwrightError, KeyDenied, Unavailable
from batchwright.job import Job, JobRow, Pin, Status, timestamp
from batchwright.message import contract_of
from batchwright.places import inline_key, job_key
from tests.fakes import MODEL, ListedEvents, MemoryJobs, MemoryObjects
from tests.laptop import KEY, Laptop, chat_file, chat_line

CONTRACT = f"name: triage\nroutes: [{{model: '{MODEL}'}}]\nmodels: {{'*': '{MODEL}'}}\n"


class NoEvents(ListedEvents):
    """A bus that takes none."""

    def __init__(self, fault: BatchwrightError) -> None:
        super().__init__()
        self._fault = fault

    def job_changed(self, *_: object, **__: object) -> None:
        raise self._fault


class FaultyJobs(MemoryJobs):
    """A table that cannot be reached, as long as ``away``."""

    away = True

    def add(self, row: JobRow) -> bool:
        if self.away:
            raise Unavailable("the table is away")
        return super().add(row)


class ClosedBucket(MemoryObjects):
    """A bucket where nothing is written, as long as it is ``closed``."""

    closed = False

    def write(self, key: str, content: bytes) -> None:
        if self.closed:
            raise Unavailable("the bucket is away")
        super().write(key, content)


class LockedInbox(MemoryObjects):
    """A bucket whose inbox is under a key that may not be used."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        if key.startswith("inbox/"):
            raise KeyDenied("no right to the key", key=self._key)
        return super().pin(key, version_id)


@pytest.fixture
def laptop() -> Laptop:
    return Laptop()


def job_of(laptop: Laptop, job_id: str) -> Job:
    return Job.model_validate_json(laptop.objects.read(job_key(job_id)))


def refusal_of(laptop: Laptop, job_id: str) -> str | None:
    refusal = job_of(laptop, job_id).refusal
    return refusal.code if refusal else None


def test_a_dropped_file_becomes_a_job_that_is_started(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(1), "inbox/monday.jsonl")

    job = job_of(laptop, job_id)
    assert job.input is not None
    assert (job.input.key, job.input.version_id) == ("inbox/monday.jsonl", "1")
    assert job.contract_name == "default"
    assert job.refusal is None
    assert laptop.row(job_id).status is Status.RECEIVED
    assert laptop.workflows.started == [job_id]
    assert laptop.events.said == [(job_id, Status.RECEIVED)]


def test_the_same_event_twice_is_one_job(laptop: Laptop) -> None:
    laptop.objects.write("inbox/a.jsonl", chat_file(1))
    event = laptop.event("inbox/a.jsonl")

    first, again = (laptop.admit(event, message)[0] for message in ("m1", "m2"))

    assert first.job_id == again.job_id
    assert (first.new, again.new) == (True, False)
    assert laptop.workflows.started == [first.job_id]
    assert {*laptop.events.said} == {(first.job_id, Status.RECEIVED)}


def test_an_event_that_comes_when_the_job_runs_says_nothing_again(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(2))
    laptop.plan(job_id)
    said = [*laptop.events.said]

    laptop.say(laptop.event("inbox/file.jsonl"))

    assert laptop.events.said == said


def test_the_same_bytes_dropped_again_find_the_job_that_stands(laptop: Laptop) -> None:
    assert laptop.drop(chat_file(1)) == laptop.drop(chat_file(1))


def test_a_job_that_has_ended_is_not_started_again(laptop: Laptop) -> None:
    row = laptop.run(chat_file(1))
    laptop.workflows.started.clear()

    assert laptop.drop(chat_file(1)) == row.job_id
    assert laptop.workflows.started == []


def test_a_worker_that_died_before_the_start_is_made_good_by_the_redelivery(
    laptop: Laptop,
) -> None:
    job_id = laptop.drop(chat_file(1))
    laptop.workflows.started.clear()

    laptop.say(laptop.event("inbox/file.jsonl"))

    assert laptop.workflows.started == [job_id]


def test_a_deadline_counts_from_when_a_message_that_failed_was_moved_back() -> None:
    salts = map(str, itertools.count())
    jobs = FaultyJobs()
    laptop = Laptop(jobs=jobs, new_salt=lambda: next(salts) * 64)
    with pytest.raises(Unavailable):
        laptop.drop(chat_file(2))
    (written,) = laptop.objects.keys("jobs/")
    before = Job.model_validate_json(laptop.objects.read(written))

    laptop.clock.time += timedelta(days=3)
    jobs.away = False
    job_id = laptop.say(laptop.event("inbox/file.jsonl"))

    assert laptop.finish(job_id).counts()["succeeded"] == 2
    moved = before.model_copy(update={"created_at": laptop.clock.time})
    assert job_of(laptop, job_id) == moved, "all else stands: a worker may have read it"


def test_a_worker_that_died_before_a_job_was_dated_is_made_good_by_the_redelivery() -> None:
    jobs, objects = FaultyJobs(), ClosedBucket()
    laptop = Laptop(jobs=jobs, objects=objects)
    with pytest.raises(Unavailable):
        laptop.drop(chat_file(2))
    laptop.clock.time += timedelta(days=3)
    jobs.away, objects.closed = False, True
    with pytest.raises(Unavailable):
        laptop.say(laptop.event("inbox/file.jsonl"))
    assert laptop.workflows.started == []

    laptop.clock.time += timedelta(minutes=6)
    objects.closed = False
    job_id = laptop.say(laptop.event("inbox/file.jsonl"))

    assert timestamp(job_of(laptop, job_id).created_at) == laptop.row(job_id).created_at
    assert laptop.finish(job_id).counts()["succeeded"] == 2


def test_other_bytes_at_the_same_key_are_another_job_and_both_run(laptop: Laptop) -> None:
    laptop.objects.write("inbox/a.jsonl", chat_file(1))
    first_event = laptop.event("inbox/a.jsonl")
    laptop.objects.write("inbox/a.jsonl", chat_file(2))

    newer, older = laptop.say(laptop.event("inbox/a.jsonl")), laptop.say(first_event)

    assert newer != older
    assert laptop.finish(older).total == 1
    assert laptop.finish(newer).total == 2


def test_the_folder_names_the_contract(laptop: Laptop) -> None:
    laptop.put_contract("triage", CONTRACT)

    job = job_of(laptop, laptop.drop(chat_file(1), "inbox/triage/2026/monday.jsonl"))

    assert job.contract_name == "triage"
    assert job.terms.models == {"*": MODEL}
    assert job.contract_digest == job.terms.digest()


def test_another_contract_makes_another_job(laptop: Laptop) -> None:
    laptop.put_contract("triage", CONTRACT)
    one = laptop.drop(chat_file(1), "inbox/triage/a.jsonl")
    laptop.put_contract("triage", CONTRACT + "strict: true\n")

    assert laptop.drop(chat_file(1), "inbox/triage/a.jsonl") != one


def test_a_changed_contract_does_not_change_a_job_that_was_admitted(laptop: Laptop) -> None:
    laptop.put_contract("triage", CONTRACT)
    job_id = laptop.drop(chat_file(1), "inbox/triage/a.jsonl")
    laptop.put_contract("triage", "name: triage\nroutes: []\n")

    assert laptop.finish(job_id).status is Status.COMPLETED


def test_a_message_names_an_object_and_a_contract(laptop: Laptop) -> None:
    laptop.put_contract("triage", CONTRACT)
    laptop.objects.write("uploads/x/a.jsonl", chat_file(3))

    job_id = laptop.say({"input": "s3://box/uploads/x/a.jsonl", "contract": "triage"})

    assert job_of(laptop, job_id).contract_name == "triage"
    assert laptop.finish(job_id).total == 3


def test_a_message_carries_its_records(laptop: Laptop) -> None:
    job_id = laptop.say({"records": [chat_line("a", "one"), chat_line("b", "two")]})

    assert len(laptop.objects.lines(inline_key(job_id))) == 2
    assert laptop.finish(job_id).counts()["succeeded"] == 2


def test_records_of_a_message_are_read_as_they_are_written(laptop: Laptop) -> None:
    laptop.put_contract("triage", CONTRACT + "prompt: {user: '{{ text }}'}\n")
    rows = [
        r'{"id":"a","text":12345678901234567890123}',
        r'{"id":"b","text":["\u00e9\n",1.10,-0.0]}',
    ]
    records = ", ".join(rows).replace(":", ":\n\t")

    job_id = laptop.say(f'{{"contract": "triage", "records": [{records}]}}')

    assert laptop.objects.lines(inline_key(job_id)) == [row.encode() for row in rows]
    laptop.finish(job_id)
    first, _ = laptop.results(job_id, "output.jsonl")
    assert first["output"] == "12345678901234567890123"


def test_a_record_that_is_nested_deep_fails_among_the_others(laptop: Laptop) -> None:
    deep = '{"a": ' + "[" * 1010 + "]" * 1010 + "}"

    job_id = laptop.say(f'{{"records": [{deep}, {json.dumps(chat_line("b", "fine"))}]}}')

    counts = laptop.finish(job_id).counts()
    assert (counts["failed"], counts["succeeded"]) == (1, 1)


def test_the_same_records_twice_are_one_job(laptop: Laptop) -> None:
    message = {"records": [chat_line("a", "one")]}

    assert laptop.say(message, "m1") == laptop.say(message, "m2")
    assert laptop.say(json.dumps(message, indent=1), "m3") == laptop.say(message, "m1")


def test_again_makes_a_new_job_and_its_redelivery_does_not(laptop: Laptop) -> None:
    laptop.objects.write("inbox/a.jsonl", chat_file(1))
    message = {"input": "s3://box/inbox/a.jsonl"}
    again = {**message, "again": True}

    ids = [laptop.say(message, "m1"), laptop.say(again, "m2"), laptop.say(again, "m3")]

    assert len(set(ids)) == 3
    assert laptop.say(again, "m2") == ids[1]
    named = {**message, "again": "please"}
    assert laptop.say(named, "m4") == laptop.say(named, "m5")


@pytest.mark.parametrize("fault", [Unavailable("the bus is away"), AccessDenied("no right")])
def test_a_job_that_was_started_is_admitted_although_nobody_could_be_told(
    fault: BatchwrightError,
) -> None:
    laptop = Laptop(events=NoEvents(fault))

    # Not admitted, its message would come back, and at last be moved back under another id: another job.
    job_id = laptop.say({"records": [chat_line("a", "one")], "again": True})

    assert laptop.workflows.started == [job_id]
    assert laptop.unsaid == [(job_id, str(fault))]


@pytest.mark.parametrize("key", ["a file.jsonl", "a+b.jsonl", "a%2Bb.jsonl", "é.jsonl", "../a"])
@pytest.mark.parametrize("shape", ["eventbridge", "s3"])
def test_keys_of_every_kind_are_found_in_both_shapes_of_event(
    laptop: Laptop, key: str, shape: str
) -> None:
    key = f"inbox/{key}" if key != "../a" else "inbox/default/../a"
    laptop.objects.write(key, chat_file(1))
    notification = {
        "Records": [{"s3": {"bucket": {"name": "box"}, "object": {"key": quote_plus(key, "/")}}}]
    }

    job_id = laptop.say(laptop.event(key) if shape == "eventbridge" else notification)

    pin = job_of(laptop, job_id).input
    assert pin is not None
    assert pin.key == key
    assert all(found.split("/")[1] == job_id for found in laptop.objects.keys("jobs/"))


def test_every_object_of_an_s3_notification_is_admitted(laptop: Laptop) -> None:
    for name in ("a", "b"):
        laptop.objects.write(f"inbox/{name}", chat_file(len(name)))
    entries = [
        {"s3": {"bucket": {"name": "box"}, "object": {"key": f"inbox/{name}"}}} for name in "ab"
    ]

    assert len(laptop.admit({"Records": entries}, "m")) == 2


@pytest.mark.parametrize(
    "message",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "box"},
        {
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": "box"}, "object": {"key": "inbox/folder/"}},
        },
        {
            "detail-type": "Object Deleted",
            "detail": {"bucket": {"name": "box"}, "object": {"key": "inbox/a"}},
        },
    ],
    ids=["test event", "folder", "deletion"],
)
def test_what_wishes_for_nothing_makes_no_job(laptop: Laptop, message: dict[str, Any]) -> None:
    assert laptop.admit(message, "m") == []
    assert laptop.jobs.rows == {}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "invalid_message"),
        ("[]", "invalid_message"),
        ({}, "invalid_message"),
        ({"input": "s3://box/inbox/a", "records": [{}]}, "invalid_message"),
        ({"records": []}, "invalid_message"),
        ({"input": "https://example.com/a"}, "invalid_message"),
        ({"input": "s3://box"}, "invalid_message"),
        ({"input": "s3://[box/inbox/x"}, "invalid_message"),
        ({"input": "s3://bo\u2100x/inbox/x"}, "invalid_message"),
        ({"input": f"s3://box/inbox/{'x' * 1025}"}, "invalid_message"),
        (
            {
                "detail-type": "Object Created",
                "detail": {"bucket": {"name": "box"}, "object": {"key": "a", "version-id": 5}},
            },
            "invalid_message",
        ),
        ({"input": "s3://box/inbox/a", "contrakt": "x"}, "invalid_message"),
        ({"detail-type": "Object Created"}, "invalid_message"),
        ({"detail-type": "Object Created", "detail": {"bucket": None}}, "invalid_message"),
        ({"Records": [{"sns": {}}]}, "invalid_message"),
        ({"input": "s3://other/inbox/a"}, "foreign_bucket"),
        ({"input": "s3://box/results/a"}, "foreign_key"),
        ({"input": "s3://box/jobs/a"}, "foreign_key"),
        ({"input": "s3://box/inbox/nothing.jsonl"}, "input_missing"),
    ],
)
def test_a_message_that_cannot_be_a_job_ends_as_a_refused_one(
    laptop: Laptop, message: dict[str, Any] | str, code: str
) -> None:
    job_id = laptop.say(message)

    assert refusal_of(laptop, job_id) == code
    row = laptop.finish(job_id)
    assert row.status is Status.FAILED
    assert row.reason is not None
    assert row.reason.code == code
    assert laptop.say(message, "redelivered") == job_id


def test_a_file_that_was_deleted_before_it_was_read_is_refused(laptop: Laptop) -> None:
    laptop.objects.write("inbox/a.jsonl", chat_file(1))
    event = laptop.event("inbox/a.jsonl")
    laptop.objects.delete("inbox/a.jsonl")

    assert refusal_of(laptop, laptop.say(event)) == "input_missing"


def test_a_file_under_a_key_that_the_stack_may_not_use_is_refused() -> None:
    laptop = Laptop(objects=LockedInbox("arn:aws:kms:us-east-1:1:key/theirs"))

    job_id = laptop.drop(chat_file(1))

    assert refusal_of(laptop, job_id) == "input_no_permissions"
    assert laptop.finish(job_id).status is Status.FAILED


def test_a_right_to_the_stacks_own_key_that_is_missing_keeps_the_message() -> None:
    laptop = Laptop(objects=LockedInbox(KEY))

    with pytest.raises(AccessDenied):
        laptop.drop(chat_file(1))

    assert laptop.jobs.rows == {}


def test_a_file_for_a_contract_that_is_not_there_is_refused_until_it_is(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(1), "inbox/triage/a.jsonl")
    assert refusal_of(laptop, job_id) == "contract_not_found"
    assert "contract put triage.yaml" in str(job_of(laptop, job_id).refusal)

    laptop.put_contract("triage", CONTRACT)

    assert refusal_of(laptop, laptop.drop(chat_file(1), "inbox/triage/a.jsonl")) is None


@pytest.mark.parametrize("folder", ["Triage", "..", "a b", "x" * 100])
def test_a_folder_that_can_be_no_contract_is_refused(laptop: Laptop, folder: str) -> None:
    job_id = laptop.drop(chat_file(1), f"inbox/{folder}/a.jsonl")

    assert refusal_of(laptop, job_id) == "contract_not_found"


def test_a_contract_that_does_not_read_refuses_the_file(laptop: Laptop) -> None:
    laptop.put_contract("triage", "name: triage")

    job_id = laptop.drop(chat_file(1), "inbox/triage/a.jsonl")

    assert refusal_of(laptop, job_id) == "contract_invalid"


def test_no_refusal_quotes_the_message(laptop: Laptop) -> None:
    for message in ({"records": "canary"}, {"canary" * 30: 1}, {"input": "canary"}):
        job_id = laptop.say(json.dumps(message))
        assert "canary" * 12 not in str(job_of(laptop, job_id).refusal)
        assert "canary'" not in str(job_of(laptop, job_id).refusal)


def test_only_the_first_folder_is_the_contract() -> None:
    assert contract_of("inbox/a/b/c.jsonl") == "a"
    assert contract_of("inbox/c.jsonl") == "default"
