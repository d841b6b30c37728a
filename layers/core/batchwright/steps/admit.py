"""Admit: an object that was dropped, or a message on the queue, becomes a job; the same one twice is one job."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import unquote_plus

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from batchwright.contract import DEFAULT, NAME, Contract, default_contract, read_contract
from batchwright.digest import digest, digest_of_envelope
from batchwright.errors import AlreadyExists, Missing, Refused
from batchwright.job import Job, JobRow, Pin, Reason, Status, job_id_of, timestamp
from batchwright.places import INBOX, UPLOADS, contract_key, inline_key, job_key
from batchwright.ports import Clock, Events, Jobs, Objects, Workflows

ADDRESS = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^/].*)", re.DOTALL
)
LONGEST_KEY = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What admission needs of the world. ``models`` are the ids that the stack may ask."""

    objects: Objects
    jobs: Jobs
    workflows: Workflows
    events: Events
    clock: Clock
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What became of one wish: the job that stands for it, and whether this message made it."""

    job_id: str
    new: bool
    refusal: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it for the log."""
        return {"job_id": self.job_id, "new": self.new, "refusal": self.refusal}


class Wish(BaseModel):
    """A message on the queue: an object to run, or the records themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    input: Annotated[str, Field(max_length=2048)] | None = None
    records: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    contract: Annotated[str, Field(max_length=256)] = DEFAULT
    again: bool | Annotated[str, Field(min_length=1, max_length=128)] = False
    """Run it although it ran before; a text names the wish, so that the same wish twice is one job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a wish names, wherever it came from."""

    bucket: str
    key: str
    contract: str
    version_id: str | None = None
    again: str | None = None


def admit(body: str, message_id: str, world: World) -> list[Admitted]:
    """Make the jobs that one message wishes for; tell those that stand already.

    A message that cannot be a job becomes a refused one, which ends with a receipt like any other. Only what AWS
    itself fails to do is raised: then the message comes back.
    """
    door = Door(world)
    try:
        fields = _fields(body)
        if fields.get("Event") == "s3:TestEvent":
            return []
        if "detail-type" in fields or "Records" in fields:
            return [door.admit_object(source, body) for source in _dropped(fields)]
        return [door.admit_wish(_wish(fields), body, message_id)]
    except Refused as refusal:
        return [door.refuse(refusal, body)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The contract that a wish names, or why there is none."""

    name: str
    contract: Contract | None
    refusal: Refused | None

    @property
    def digest(self) -> str:
        """What the job's id is made from: mended terms make another job."""
        if self.contract is not None:
            return self.contract.digest()
        return f"{self.name} {self.refusal.code if self.refusal else ''}"


class Door:
    """Makes jobs."""

    def __init__(self, world: World) -> None:
        """Nothing happens yet."""
        self._world = world

    def admit_wish(self, wish: Wish, body: str, message_id: str) -> Admitted:
        """Admit a message of our own form."""
        again = _again(wish.again, message_id)
        if wish.records is not None:
            return self._admit_inline(wish.records, wish.contract, again, body)
        source = _named(wish.input or "", wish.contract, again)
        return self.admit_object(source, body)

    def admit_object(self, source: Source, body: str) -> Admitted:
        """Admit an object; one that may not run, or is not there, becomes a refused job."""
        try:
            self._check_place(source)
            pin = self._pin(source)
        except Refused as refusal:
            return self.refuse(refusal, f"{source} {body}", source.contract)
        terms = self._terms(source.contract)
        return self._made(job_id_of(pin, terms.digest, source.again), pin, terms)

    def refuse(self, refusal: Refused, body: str, contract: str = DEFAULT) -> Admitted:
        """Make a refused job of a message that names nothing to run; the same message is the same job."""
        job_id = digest_of_envelope({"refused": digest(body.encode())})[:32]
        return self._made(job_id, None, Terms(name=contract, contract=None, refusal=refusal))

    def _admit_inline(
        self, records: list[dict[str, Any]], contract_name: str, again: str | None, body: str
    ) -> Admitted:
        try:
            content = b"".join(orjson.dumps(record) + b"\n" for record in records)
        except orjson.JSONEncodeError:
            return self.refuse(Refused("invalid_message", "records: nested too deep"), body)
        terms = self._terms(contract_name)
        tag = digest(content)
        nowhere = Pin(bucket="", key="", etag=tag, size=len(content), tag=tag)
        job_id = job_id_of(nowhere, terms.digest, again)
        with suppress(AlreadyExists):  # the same bytes: the key is made from them
            self._world.objects.create(inline_key(job_id), content)
        return self._made(job_id, self._world.objects.pin(inline_key(job_id)), terms)

    def _terms(self, name: str) -> "Terms":
        try:
            return Terms(
                name=name,
                contract=find_contract(name, self._world.objects, self._world.models),
                refusal=None,
            )
        except Refused as refusal:
            return Terms(name=name, contract=None, refusal=refusal)

    def _check_place(self, source: Source) -> None:
        if source.bucket != self._world.objects.bucket:
            raise Refused(
                "foreign_bucket",
                f"only bucket {self._world.objects.bucket!r} is read; copy the file to its {INBOX}",
            )
        if not source.key.startswith((INBOX, UPLOADS)):
            raise Refused("foreign_key", f"only objects under {INBOX} and {UPLOADS} are run")

    def _pin(self, source: Source) -> Pin:
        objects = self._world.objects
        try:
            objects.pin(
                source.key
            )  # deleted since: its sender wants it no more, though the version is still there
            return objects.pin(source.key, source.version_id)
        except Missing:
            raise Refused(
                "input_missing", "the object is not there; was it deleted before it was read?"
            ) from None

    def _made(self, job_id: str, pin: Pin | None, terms: "Terms") -> Admitted:
        world, contract, refusal = self._world, terms.contract, terms.refusal
        job = Job(
            job_id=job_id,
            created_at=world.clock.now(),
            input=pin,
            contract_name=terms.name,
            contract=contract.to_json() if contract else None,
            contract_digest=contract.digest() if contract else None,
            models=world.models,
            refusal=Reason(code=refusal.code, message=str(refusal)) if refusal else None,
        )
        # It may stand already, admitted by a worker that died before it could start the workflow.
        with suppress(AlreadyExists):
            world.objects.create(job_key(job_id), job.model_dump_json().encode())
        new = world.jobs.add(_row(job))
        row = None if new else world.jobs.get(job_id)
        if row is None or not row.status.final:
            world.workflows.start(job_id)
        if new:
            world.events.job_changed(job_id, Status.RECEIVED, {"contract": terms.name})
        return Admitted(job_id=job_id, new=new, refusal=refusal.code if refusal else None)


def find_contract(name: str, objects: Objects, models: tuple[str, ...]) -> Contract:
    """Return the contract of a name as it stands in the bucket; raises :class:`Refused`.

    ``models`` are the ids that the stack may ask; the built-in contract asks the first.
    """
    if not re.fullmatch(NAME, name):
        raise Refused(
            "contract_not_found",
            f"{name[:64]!r} is no contract's name: lower-case letters, digits and - are wanted",
        )
    try:
        text = objects.read(contract_key(name))
    except Missing:
        if name == DEFAULT:
            return default_contract(models)
        raise Refused(
            "contract_not_found",
            f"there is no contract {name!r}; put it with: batchwright contract put {name}.yaml",
        ) from None
    return read_contract(text, name=name)


def _row(job: Job) -> JobRow:
    created = timestamp(job.created_at)
    return JobRow(
        job_id=job.job_id,
        status=Status.RECEIVED,
        created_at=created,
        updated_at=created,
        contract=job.contract_name,
        contract_digest=job.contract_digest,
        input=f"s3://{job.input.bucket}/{job.input.key}" if job.input else None,
    )


def _fields(body: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise Refused("invalid_message", "the message is not a JSON object")
    return fields


def _wish(fields: dict[str, Any]) -> Wish:
    try:
        wish = Wish.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(step)[:64] for step in first["loc"][:2])
        raise Refused("invalid_message", f"{place}: {first['msg']}") from None
    if (wish.input is None) == (wish.records is None):
        raise Refused("invalid_message", "a message holds either input or records")
    return wish


def _again(again: bool | str, message_id: str) -> str | None:
    """Name the wish to run once more; a bare ``true`` is named by the message, so a redelivery is no second wish."""
    if again is True:
        return message_id
    return again or None


def _named(address: str, contract: str, again: str | None) -> Source:
    parts = ADDRESS.fullmatch(address)
    if parts is None:
        raise Refused(
            "invalid_message", "input: an address like s3://bucket/inbox/file.jsonl is wanted"
        )
    return _source(parts["bucket"], parts["key"], None, contract, again)


def _dropped(fields: dict[str, Any]) -> Iterator[Source]:
    """Yield the objects that an event of EventBridge or of S3 speaks of; folders made in the console are none."""
    try:
        for source in _of_eventbridge(fields) if "detail" in fields else _of_s3(fields):
            if not source.key.endswith("/"):
                yield source
    except (KeyError, TypeError, AttributeError):
        raise Refused(
            "invalid_message", "the message looks like an S3 event, and is none"
        ) from None


def _source(
    bucket: object,
    key: object,
    version_id: object,
    contract: str | None = None,
    again: str | None = None,
) -> Source:
    """Return what a message names, if S3 could know such names at all."""
    if not isinstance(bucket, str) or not isinstance(key, str):
        raise TypeError("names are text")
    if version_id is not None and (
        not isinstance(version_id, str) or len(version_id) > LONGEST_KEY
    ):
        raise TypeError("a version's id is text")
    if len(key.encode(errors="replace")) > LONGEST_KEY:
        raise Refused("invalid_message", f"a key has at most {LONGEST_KEY:,} bytes")
    return Source(
        bucket=bucket,
        key=key,
        version_id=version_id,
        contract=contract_of(key) if contract is None else contract,
        again=again,
    )


def _of_eventbridge(event: dict[str, Any]) -> Iterator[Source]:
    """EventBridge gives keys as they are
    (docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html).
    """
    if event.get("detail-type") == "Object Created":
        found = event["detail"]["object"]
        yield _source(event["detail"]["bucket"]["name"], found["key"], found.get("version-id"))


def _of_s3(event: dict[str, Any]) -> Iterator[Source]:
    """S3's own notifications give keys URL-encoded
    (docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
    """
    for entry in event["Records"]:
        found = entry["s3"]["object"]
        key = unquote_plus(found["key"])
        yield _source(entry["s3"]["bucket"]["name"], key, found.get("versionId"))


def contract_of(key: str) -> str:
    """Return the contract that a place in the inbox names.

    >>> contract_of("inbox/support-triage/monday.jsonl"), contract_of("inbox/monday.jsonl")
    ('support-triage', 'default')
    """
    first, slash, _ = key.removeprefix(INBOX).partition("/")
    return first if slash else DEFAULT
