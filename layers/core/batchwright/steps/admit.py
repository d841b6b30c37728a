"""Admit: an object that was dropped, or a message on the queue, becomes a job; the same one twice is one job."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from batchwright.addresses import check_place
from batchwright.contract import DEFAULT, NAME, Contract, default_contract
from batchwright.contractfile import read_contract
from batchwright.digest import digest, digest_of_envelope
from batchwright.errors import (
    LONGEST_NAME_SHOWN,
    AccessDenied,
    AlreadyExists,
    ContractInvalid,
    KeyDenied,
    Missing,
    Refused,
    Unavailable,
)
from batchwright.job import Job, JobRow, Pin, Reason, Status, job_id_of, timestamp
from batchwright.message import Cancelling, Inline, Redriving, Source, wishes_of
from batchwright.places import INBOX, contract_key, inline_key, job_key
from batchwright.ports import Objects
from batchwright.retention import Kept
from batchwright.run import Run
from batchwright.steps import commands


@dataclass(frozen=True, slots=True, kw_only=True)
class World(commands.World):
    """What admission needs of the world."""

    models: tuple[str, ...]
    """The ids that the stack may ask."""
    key: str
    """What the bucket is encrypted under."""
    new_salt: Callable[[], str]
    """32 random bytes, in hexadecimal."""
    unsaid: Callable[[str, str], None] = lambda *_: None
    """Hears which job was started and not told of, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What became of one wish: the job that stands for it, and whether this message made it, or redrove it."""

    job_id: str
    new: bool
    refusal: str | None
    wish: str = "job"
    """``job``, ``redrive`` or ``cancel``."""

    def to_json(self) -> dict[str, Any]:
        """Return it for the log."""
        return {
            "job_id": self.job_id,
            "wish": self.wish,
            "new": self.new,
            "refusal": self.refusal,
        }


def admit(body: str, message_id: str, world: World) -> list[Admitted]:
    """Make the jobs that one message wishes for, or redrive or cancel one; tell those that stand already.

    A message that cannot be a job becomes a refused one, which ends with a receipt like any other. A command that
    comes too late, too early, or for no job of ours is told and changes nothing. Only what AWS itself fails to do is
    raised: then the message comes back.
    """
    door = Door(world)
    try:
        wishes = wishes_of(body, message_id)
    except Refused as refusal:
        return [door.refuse(refusal, body)]
    return [door.admit(wish, body) for wish in wishes]


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

    def admit(self, wish: Source | Inline | Redriving | Cancelling, body: str) -> Admitted:
        """Admit one wish of a message."""
        match wish:
            case Source():
                return self._admit_object(wish, body)
            case Inline():
                return self._admit_inline(wish)
            case _:
                return self._obey(wish)

    def _obey(self, wish: Redriving | Cancelling) -> Admitted:
        new, refusal = False, None
        try:
            if isinstance(wish, Redriving):
                new = commands.redrive(wish, self._world)
            else:
                commands.cancel(wish, self._world)
        except Refused as refused:
            refusal = refused.code
        name = "redrive" if isinstance(wish, Redriving) else "cancel"
        return Admitted(job_id=wish.job, new=new, refusal=refusal, wish=name)

    def _admit_object(self, source: Source, body: str) -> Admitted:
        """Admit an object; one that may not run, or is not there, becomes a refused job."""
        try:
            ours = self._world.objects.bucket
            check_place(source.bucket, source.key, ours=ours, copy_to=INBOX)
            pin = self._pin(source)
        except Refused as refusal:
            return self.refuse(refusal, f"{source} {body}", source.contract)
        terms = self._terms(source.contract)
        job_id = job_id_of(pin, terms.digest, source.again, source.dialect)
        return self._made(job_id, pin, terms, source.dialect)

    def refuse(self, refusal: Refused, body: str, contract: str = DEFAULT) -> Admitted:
        """Make a refused job of a message that names nothing to run; the same message is the same job."""
        job_id = digest_of_envelope({"refused": digest(body.encode())})[:32]
        return self._made(job_id, None, Terms(name=contract, contract=None, refusal=refusal))

    def _admit_inline(self, inline: Inline) -> Admitted:
        terms = self._terms(inline.contract)
        tag = digest(inline.content)
        nowhere = Pin(bucket="", key="", etag=tag, size=len(inline.content), tag=tag)
        job_id = job_id_of(nowhere, terms.digest, inline.again, inline.dialect)
        with suppress(AlreadyExists):  # the same bytes: the key is made from them
            self._world.objects.create(inline_key(job_id), inline.content)
        pin = self._world.objects.pin(inline_key(job_id))
        return self._made(job_id, pin, terms, inline.dialect)

    def _terms(self, name: str) -> "Terms":
        try:
            world = self._world
            contract = find_contract(name, world.objects, world.models, world.kept)
        except Refused as refusal:
            return Terms(name=name, contract=None, refusal=refusal)
        return Terms(name=name, contract=contract, refusal=None)

    def _pin(self, source: Source) -> Pin:
        objects = self._world.objects
        try:
            # Deleted since, its sender wants it no more, though the version is still there.
            newest = objects.pin(source.key)
            if source.version_id in {None, newest.version_id}:
                return newest
            return objects.pin(source.key, source.version_id)
        except Missing:
            raise Refused(
                "input_missing", "the object is not there; was it deleted before it was read?"
            ) from None
        except KeyDenied as denied:
            # Where it is the stack's own, a right is missing, and the message must wait for it.
            if denied.key == self._world.key:
                raise
            raise Refused(
                "input_no_permissions",
                "the object is encrypted under a key that the stack may not use; put it without one",
            ) from None

    def _made(
        self, job_id: str, pin: Pin | None, terms: "Terms", dialect: str | None = None
    ) -> Admitted:
        world, contract, refusal = self._world, terms.contract, terms.refusal
        job = Job(
            job_id=job_id,
            created_at=world.clock.now(),
            input=pin,
            contract_name=terms.name,
            contract=contract.to_json() if contract else None,
            contract_digest=contract.digest() if contract else None,
            models=world.models,
            dialect=dialect,
            refusal=Reason(code=refusal.code, message=str(refusal)) if refusal else None,
            salt=world.new_salt(),
        )
        first, made = self._write(job), _row(job)
        new = world.jobs.add(made)
        row = made if new else world.jobs.get(job_id) or made
        begins = row.status is Status.RECEIVED and not row.redrives
        if begins and not first:
            self._date(row)
        if not row.status.final:
            world.workflows.start(Run(job_id=job_id, redrive=row.redrives))
        if begins:
            # Once more where the message came twice: the first may have died before it could say so.
            self._say(job_id, terms.name)
        return Admitted(job_id=job_id, new=new, refusal=refusal.code if refusal else None)

    def _write(self, job: Job) -> bool:
        """Write a job; ``False`` where it stands, admitted by a worker that died before it could start the workflow."""
        try:
            self._world.objects.create(job_key(job.job_id), job.model_dump_json().encode())
        except AlreadyExists:
            return False
        return True

    def _date(self, row: JobRow) -> None:
        """Have a job's deadline count from its row, which may be there days after ``job.json``; all else stands."""
        key = job_key(row.job_id)
        job = Job.model_validate_json(self._world.objects.read(key))
        if timestamp(job.created_at) != row.created_at:
            dated = job.model_copy(update={"created_at": datetime.fromisoformat(row.created_at)})
            self._world.objects.write(key, dated.model_dump_json().encode())

    def _say(self, job_id: str, contract: str) -> None:
        """Tell of a job; it runs already, so a message that failed by this would be a dead letter whose job is paid."""
        try:
            self._world.events.job_changed(job_id, Status.RECEIVED, {"contract": contract})
        except (AccessDenied, Unavailable) as fault:
            self._world.unsaid(job_id, str(fault))


def find_contract(name: str, objects: Objects, models: tuple[str, ...], kept: Kept) -> Contract:
    """Return the contract of a name as it stands in the bucket; raises :class:`Refused`.

    ``models`` are the ids that the stack may ask, the built-in contract asks the first; and ``kept`` is for how long it
    keeps things.
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
    contract = read_contract(text, name=name)
    for model in contract.filters.models:
        known = contract.named(model)
        if known is not None and known.engine != "bedrock":
            continue
        if not any(fnmatchcase(model, pattern) for pattern in models):
            raise ContractInvalid(
                f"contract {name!r}: filters: this stack may not ask {model[:LONGEST_NAME_SHOWN]!r}: add its ARN to"
                " the parameter ModelArns and deploy"
            )
    if contract.retention and (fault := contract.retention.fault(kept)):
        raise ContractInvalid(f"contract {name!r}: retention.{fault}")
    return contract


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
