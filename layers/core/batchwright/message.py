"""What comes on the Jobs queue: events of objects that were dropped, and messages of our own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from urllib.parse import unquote_plus

import msgspec
import orjson
from msgspec import Raw, Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from batchwright.contract import DEFAULT
from batchwright.errors import Refused
from batchwright.places import INBOX

ADDRESS = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^/].*)", re.DOTALL
)
LONGEST_KEY = 1024


class Wish(BaseModel):
    """A message on the queue: an object to run, or the records themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    input: Annotated[str, Field(max_length=2048)] | None = None
    records: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    contract: Annotated[str, Field(max_length=256)] = DEFAULT
    again: bool | Annotated[str, Field(min_length=1, max_length=128)] = False
    """Run it although it ran before; a text names the wish, so that the same wish twice is one job."""
    dialect: Annotated[str, Field(max_length=64)] | None = None
    """What the file is, where its first line should not tell."""


class Written(Struct):
    """The records of a message as they are written in it."""

    records: list[Raw]


class Redriving(BaseModel):
    """A wish to run a job that has ended once more, over the records that are to be asked again."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    job: Annotated[str, Field(min_length=1, max_length=64)]
    number: Annotated[int, Field(ge=1, strict=True)]
    """Which redrive of the job it is, counted from 1: the same wish twice is one."""
    only: tuple[Literal["failed", "expired", "blocked", "cancelled", "review"], ...] = ()
    """The endings that are asked again, besides the records that nobody was asked for."""


class Cancelling(BaseModel):
    """A wish to stop a job."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    job: Annotated[str, Field(min_length=1, max_length=64)]
    redrive: Annotated[int, Field(ge=0, strict=True)] = 0
    """Which run of it: 0 for the first, else the number of the redrive."""


class Command(BaseModel):
    """A message about a job that stands."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    redrive: Redriving | None = None
    cancel: Cancelling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a wish names, wherever it came from."""

    bucket: str
    key: str
    contract: str
    version_id: str | None = None
    again: str | None = None
    dialect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """Records that came in the message itself, as JSON lines."""

    content: bytes
    contract: str
    again: str | None
    dialect: str | None


def wishes_of(body: str, message_id: str) -> list[Source | Inline | Redriving | Cancelling]:
    """Read a message: what it wishes to be run, redriven or cancelled, which may be nothing.

    Raises :class:`Refused` ``invalid_message`` for what can never be done.
    """
    fields = _fields(body)
    if fields.get("Event") == "s3:TestEvent":
        return []
    if "detail-type" in fields or "Records" in fields:
        return [*_dropped(fields)]
    if "redrive" in fields or "cancel" in fields:
        return [_command(fields)]
    wish = _wish(fields)
    again = _again(wish.again, message_id)
    if wish.records is not None:
        content = _lines_in(body)
        return [Inline(content=content, contract=wish.contract, again=again, dialect=wish.dialect)]
    named = _named(wish.input or "", wish.contract, again)
    return [replace(named, dialect=wish.dialect)]


def _lines_in(body: str) -> bytes:
    """Return a message's records, a line each; read as values, numbers of more than 64 bits would be rounded."""
    records = msgspec.json.decode(body, type=Written).records
    return b"".join(msgspec.json.format(bytes(record), indent=-1) + b"\n" for record in records)


def _fields(body: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise Refused("invalid_message", "the message is not a JSON object")
    return fields


def _command(fields: dict[str, Any]) -> Redriving | Cancelling:
    command = _validated(Command, fields)
    wish = command.redrive or command.cancel
    if wish is None or (command.redrive and command.cancel):
        raise Refused("invalid_message", "a message holds either redrive or cancel")
    return wish


def _wish(fields: dict[str, Any]) -> Wish:
    wish = _validated(Wish, fields)
    if (wish.input is None) == (wish.records is None):
        raise Refused("invalid_message", "a message holds either input or records")
    return wish


def _validated[Model: BaseModel](model: type[Model], fields: dict[str, Any]) -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(step)[:64] for step in first["loc"][:2])
        raise Refused("invalid_message", f"{place}: {first['msg']}") from None


def _again(again: bool | str, message_id: str) -> str | None:
    """Name the wish to run once more; a bare ``true`` is named by the message, so a redelivery is no second wish.

    One that is moved out of the dead letter queue is: SQS gives it another id.
    """
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
