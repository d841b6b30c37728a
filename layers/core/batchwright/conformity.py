"""The first look at an answer: is it JSON of the schema that was asked for, and what of it is that JSON."""

from copy import replace
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from batchwright.completion import Completion
from batchwright.errors import RecordInvalid, SchemaViolation
from batchwright.extraction import whole, within
from batchwright.filters.schema import SchemaSettings
from batchwright.finding import Finding, Noted, Stage, Verdict
from batchwright.passages import completion_with
from batchwright.request import Request
from batchwright.schema import LARGEST_SCHEMA
from batchwright.validator import Validator, Violation

# As findings name them.
SCHEMA = "schema"
VIOLATION, NOT_JSON = "violation", "not_json"
EXTRACTED, REPAIRED = "extracted", "repaired"
# A longer schema is not told again to the model that is asked for a repair.
LONGEST_TOLD = 20_000


def noted(kind: str, verdict: Verdict) -> Noted:
    """Return what was found of an answer's form."""
    return Noted(stage=Stage.OUTPUT, filter=SCHEMA, finding=Finding(kind=kind), verdict=verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What an answer came to: the answer, or what was taken out of it."""

    completion: Completion
    violation: SchemaViolation | None = None


class Conformity:
    """Holds answers to a contract's schema, or to the one that their request asked for."""

    def __init__(self, settings: SchemaSettings) -> None:
        """Compile the contract's own, if it says one."""
        own = settings.json_schema
        self.verdict = settings.verdict
        self._fails = settings.fails
        self._extract = settings.extract
        self._own = None if own is None else Validator(own)
        self._told = "" if own is None else _told(own)

    def check(self, request: Request) -> None:
        """Look at what is asked, before it is; raises :class:`RecordInvalid` where nothing can be held to it."""
        try:
            self._validator(request)
        except ValueError as fault:
            raise RecordInvalid(
                "invalid_request", f"the JSON schema of the answer: {fault}", param="schema"
            ) from None

    def look(self, completion: Completion, request: Request) -> Looked:
        """Look at an answer; one that calls tools, or has no words, is no JSON and need not be.

        Raises :class:`SchemaViolation` where that is what follows.
        """
        text = completion.text.strip()
        if not text or any("toolUse" in block for block in completion.content):
            return Looked(completion=completion)
        found = self._found(completion, text, self._validator(request))
        if isinstance(found, Completion):
            return Looked(completion=found)
        violation = self._violation(found)
        if self._fails:
            raise violation
        return Looked(completion=completion, violation=violation)

    def _found(
        self, completion: Completion, text: str, validator: Validator | None
    ) -> Completion | Violation | None:
        """Return an answer that fits, the JSON out of it, what is wrong, or nothing where there is no JSON.

        Of JSON that stands among words the longest that fits is taken, of two as long the last.
        """
        try:
            value = whole(text)
        except orjson.JSONDecodeError:
            readings = within(text) if self._extract else ()
        else:
            return _broken(validator, value) or completion
        found = [(written, _broken(validator, value)) for written, value in readings]
        if not found:
            return None
        bare, broken = max(reversed(found), key=lambda each: (each[1] is None, len(each[0])))
        return broken or _with_text(completion, bare)

    def _violation(self, found: Violation | None) -> SchemaViolation:
        if found is None:
            return SchemaViolation(
                "the answer is not JSON", kind=NOT_JSON, complaint=f"It is not JSON.{self._told}"
            )
        return SchemaViolation(
            f"the answer does not fit its schema: {found.rule} at {found.place or 'its top'}",
            kind=VIOLATION,
            complaint=f"It does not fit the JSON Schema. {found.words}{self._told}",
        )

    def _validator(self, request: Request) -> Validator | None:
        if self._own is not None:
            return self._own
        asked = _schema_asked(request)
        return None if asked is None else _compiled(asked)


def _told(schema: dict[str, Any]) -> str:
    """Return what a model is told of a schema that it has not seen."""
    written = orjson.dumps(schema).decode()
    return f"\nThe JSON Schema: {written}" if len(written) <= LONGEST_TOLD else ""


def _broken(validator: Validator | None, value: Any) -> Violation | None:
    return None if validator is None else validator.violation(value)


@lru_cache(maxsize=256)
def _compiled(written: bytes) -> Validator:
    """Compile a request's own schema; a file repeats its few on every line."""
    if len(written) > LARGEST_SCHEMA:
        raise ValueError(f"it is longer than {LARGEST_SCHEMA:,} bytes")
    try:
        schema = orjson.loads(written)
    except orjson.JSONDecodeError:
        raise ValueError("it is no JSON, or nested too deep") from None
    return Validator(schema)


def _schema_asked(request: Request) -> bytes | None:
    """Return the schema that a request holds its answer to, in Converse's words or in a family's."""
    body = request.body
    if request.family is None:
        written = _at(body, "outputConfig", "textFormat", "structure", "jsonSchema", "schema")
        return written.encode() if isinstance(written, str) else None
    schema = _at(body, "response_format", "json_schema", "schema") or _at(
        body, "output_config", "format", "schema"
    )
    return None if schema is None else orjson.dumps(schema)


def _at(body: Any, *names: str) -> Any:
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _with_text(completion: Completion, bare: str) -> Completion:
    """Return an answer whose words are the bare JSON: in its first text, and the others go."""
    first, *others = [block["text"] for block in completion.content if block.get("text")]
    now = completion_with(
        completion, {first: bare} | {text: "" for text in others if text != first}
    )
    kept = [block for block in now.content if block.get("text") != ""]
    return replace(now, content=kept)
