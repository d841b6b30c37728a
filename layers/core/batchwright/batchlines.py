"""The lines of Bedrock's batch inference: what is asked, and what is answered
(docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html, …/batch-inference-results.html).
"""

from copy import replace
from typing import Any

import msgspec
import orjson
from msgspec import Raw, Struct

from batchwright.collected import Answer
from batchwright.completion import Completion
from batchwright.conversed import TOO_LONG, completion_of
from batchwright.errors import (
    BatchwrightError,
    ContextOverflow,
    MalformedCompletion,
    RecordInvalid,
    ServiceFault,
)
from batchwright.natives import Told
from batchwright.natives import completion_of as native_completion_of
from batchwright.prices import BATCH
from batchwright.request import Request, tokens_in
from batchwright.rewording import reworded
from batchwright.staging import CONVERSE
from batchwright.usage import Usage

# Bedrock's own are of eleven letters and digits.
ID_LENGTH = 11
# What the service says of one record that it could not be asked; all else may be asked again.
ITS_OWN_FAULT = 400
# Fields of Converse that a batch refuses, record by record.
REFUSED = frozenset({"toolConfig", "guardrailConfig"})


NOTHING = Raw(b"null")


class Line(Struct, frozen=True):
    """What is read of a line of the output."""

    recordId: str  # noqa: N815 - Bedrock's word
    modelOutput: Raw = NOTHING  # noqa: N815
    error: Raw = NOTHING


class Fault(Struct, frozen=True):
    """What is read of a record's error. Its message may quote the prompt, and is left where it is."""

    errorCode: int = 0  # noqa: N815
    errorMessage: str = ""  # noqa: N815


LINE = msgspec.json.Decoder(Line)
FAULT = msgspec.json.Decoder(Fault)
# An answer and an error lie on the same shelf; the first byte tells them apart.
ANSWERED, FAILED = b"+", b"-"


def asked_line(index: int, request: Request, family: str | None = None) -> bytes | None:
    r"""Return a request as a line of a batch's input, ``None`` where a batch cannot ask it.

    With a ``family`` the batch takes that family's own bodies, and Converse's requests are put into its words.

    >>> asked_line(7, Request({"messages": []}))
    b'{"recordId":"00000000007","modelInput":{"messages":[]}}\n'
    >>> asked_line(7, Request({"messages": [], "toolConfig": {}})) is None
    True
    """
    body = _body_of(request, family)
    if body is None:
        return None
    return orjson.dumps({"recordId": f"{index:0{ID_LENGTH}d}", "modelInput": body}) + b"\n"


def _body_of(request: Request, family: str | None) -> dict[str, Any] | None:
    if request.family is not None:
        return request.body
    if family is None:
        return request.body if REFUSED.isdisjoint(request.body) else None
    try:
        return reworded(request, family).body
    except RecordInvalid:
        return None


def answered_line(content: bytes) -> tuple[int, bytes] | None:
    """Return whose answer a line of the output is, and what is kept of it; ``None`` where it is nobody's."""
    try:
        line = LINE.decode(content)
    except msgspec.DecodeError:
        return None
    if len(line.recordId) != ID_LENGTH or not line.recordId.isdecimal():
        return None
    output, error = bytes(line.modelOutput), bytes(line.error)
    kept = FAILED + error if output == bytes(NOTHING) else ANSWERED + output
    return int(line.recordId), kept


def read_answer(
    content: bytes, request: Request, model: str, input_tokens: int, family: str | None = None
) -> Answer:
    """Read what was kept of a line: the answer, or why there is none; with a ``family`` it is in that family's words.

    Where neither the answer nor anybody else counts tokens, they are guessed, as they were when the job was planned.
    """
    sign, told = content[:1], content[1:]
    if sign == FAILED:
        return _fault_of(told, model, believed=family is None or request.family is not None)
    try:
        return replace(_completion_of(told, request, input_tokens, family), tier=BATCH)
    except MalformedCompletion as fault:
        return fault


def usage_of(content: bytes, kind: str) -> Usage | None:
    """Return the tokens of what was kept of a line, none for an error; ``None`` where the answer does not tell."""
    if content[:1] == FAILED:
        return Usage()
    untold = Told(input_tokens=None, output_tokens=None, latency_ms=0, request_id=None)
    try:
        if kind == CONVERSE:
            return completion_of(content[1:], timed=False).usage
        return native_completion_of(kind, content[1:], untold).usage
    except MalformedCompletion:
        return None


def _completion_of(
    told: bytes, request: Request, input_tokens: int, family: str | None
) -> Completion:
    asked = request.family or family
    if asked is None:
        return completion_of(told, timed=False)
    guessed = Told(
        input_tokens=input_tokens, output_tokens=tokens_in(len(told)), latency_ms=0, request_id=None
    )
    completion = native_completion_of(asked, told, guessed)
    # Who has asked in Converse's words is answered in them.
    return completion if request.family else replace(completion, native=None)


def _fault_of(told: bytes, model: str, *, believed: bool) -> BatchwrightError:
    """Return the fault of a record; what was put into other words may be refused for these, and is asked again."""
    try:
        fault = FAULT.decode(told)
    except msgspec.DecodeError:
        fault = Fault()
    if fault.errorCode != ITS_OWN_FAULT:
        return ServiceFault(f"{model} answered {fault.errorCode or 'an error'} in a batch")
    words = fault.errorMessage.lower()
    if any(sign in words for sign in TOO_LONG):
        return ContextOverflow(f"{model} in a batch: the prompt is longer than the model can read")
    if not believed:
        return ServiceFault(f"{model} answered {ITS_OWN_FAULT} in a batch to its own words")
    return RecordInvalid("invalid_request", f"{model} answered {ITS_OWN_FAULT} in a batch")
