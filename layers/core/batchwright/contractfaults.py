"""What is wrong with a contract, where, and what to write instead: pydantic's findings as instructions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from batchwright.container import ENDPOINT, POINTER
from batchwright.contract import NAME, Contract
from batchwright.contractyaml import Composed
from batchwright.errors import LONGEST_NAME_SHOWN
from batchwright.filters.function import FUNCTION
from batchwright.filters.pii import REGION
from batchwright.filters.recognisers.own import OWN_KIND
from batchwright.filters.regex import KIND
from batchwright.responseformat import SCHEMA_NAME
from batchwright.retention import HOURS_OR_DAYS
from batchwright.route import GUARDRAIL, KEPT_KEY, VERSION
from batchwright.written import SPAN

PATTERNS = {
    NAME: "lower-case letters, digits and - are wanted, 63 at most, a letter or digit first, as triage",
    KEPT_KEY: "the ARN of a secret in Secrets Manager is wanted, and never the key itself, as"
    " arn:aws:secretsmanager:us-east-1:123456789012:secret:llm-AbCdEf",
    GUARDRAIL: "a guardrail's id or ARN is wanted, as abc123def456",
    VERSION: 'a version\'s number is wanted, as "3"; a draft would change while a job runs',
    ENDPOINT: "an endpoint's name is wanted: letters, digits and -, 63 at most, as qwen-small",
    SCHEMA_NAME: "letters, digits, _ and - are wanted, 64 at most, as answer",
    REGION: "two capital letters of a country are wanted, as DE",
    OWN_KIND: "lower-case letters, digits and _ are wanted, 40 at most, a letter first, as employee_id",
    KIND: "lower-case letters, digits and _ are wanted, 32 at most, a letter first, as ticket",
    FUNCTION: "a Lambda function's ARN is wanted, as"
    " arn:aws:lambda:us-east-1:123456789012:function:codenames",
    POINTER: "a JSON Pointer is wanted, as /choices/0/text",
    SPAN: "a whole number and m, h or d is wanted, as 90m, 24h or 7d",
    HOURS_OR_DAYS: "a whole number and h or d is wanted, as 36h or 30d",
}
_SAID = {
    "missing": "this is needed, and is not there: add it",
    "bool_type": "true or false is wanted",
    "bool_parsing": "true or false is wanted",
    "tuple_type": "a list is wanted: its members in brackets, or each behind a dash",
    "list_type": "a list is wanted: its members in brackets, or each behind a dash",
    "model_type": "fields are wanted here, as {{{example}: …}}",
    "model_attributes_type": "fields are wanted here, as {{{example}: …}}",
    "dict_type": "fields are wanted here, as {{{example}: …}}",
    "int_type": "a whole number is wanted",
    "int_parsing": "a whole number is wanted",
    "int_from_float": "a whole number is wanted",
    "float_type": "a number is wanted",
    "float_parsing": "a number is wanted",
    "finite_number": "a finite number is wanted",
    "greater_than": "more than {gt:,} is wanted",
    "greater_than_equal": "{ge:,} or more is wanted",
    "less_than": "less than {lt:,} is wanted",
    "less_than_equal": "{le:,} or less is wanted",
    "string_too_short": "some text is wanted",
    "string_too_long": "it is longer than {max_length:,} characters",
    "too_short": "at least {min_length} is wanted",
    "too_long": "{max_length} at most are wanted, and there are {actual_length}",
}
# The last step where pydantic means not what stands under a name, but the name itself.
_OF_A_NAME = "[key]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a contract."""

    path: str
    """As ``routes.0.model``; empty for the file as a whole."""
    line: int | None
    """Counted from 1; ``None`` where nothing stands that could be changed."""
    message: str
    """What to do; it never quotes what stands there."""

    def __str__(self) -> str:
        """Return it as one line."""
        path = f"{self.path}: " if self.path else ""
        line = f" (line {self.line})" if self.line else ""
        return f"{path}{self.message}{line}"

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"path": self.path, "line": self.line, "message": self.message}


def told_at(source: Composed, steps: tuple[Any, ...], message: str) -> Fault:
    """Return a fault of what stands at a place of a file."""
    return Fault(path=path_of(steps), line=source.line_of(steps), message=message)


def path_of(steps: Iterable[Any]) -> str:
    """Return steps as a path.

    >>> path_of(("routes", 0, "model"))
    'routes.0.model'
    """
    return ".".join(str(step)[:LONGEST_NAME_SHOWN] for step in steps)


def faults_in(found: ValidationError) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield where each fault is, and what to do about it."""
    errors = found.errors(include_url=False)
    for error in errors:
        steps = error["loc"]
        if steps[-1:] == (_OF_A_NAME,):
            steps = steps[:-1]
        if error["type"] == "too_short" and any(_within(other["loc"], steps) for other in errors):
            continue  # pydantic does not count the members that are at fault themselves
        limits = {name: _whole(limit) for name, limit in error.get("ctx", {}).items()}
        said = _instruction(error["type"], steps, error.get("input"), limits, error["msg"])
        if not steps and error["type"] == "value_error":
            # A rule about the whole names the place at fault itself.
            place, _, rest = said.partition(": ")
            yield (*_steps_of(place),), rest
        else:
            yield steps, said


def _within(steps: tuple[Any, ...], place: tuple[Any, ...]) -> bool:
    return len(steps) > len(place) and steps[: len(place)] == place


def _whole(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _steps_of(place: str) -> Iterator[Any]:
    for step in place.split("."):
        yield int(step) if step.isdecimal() else step


def _instruction(
    kind: str, steps: tuple[Any, ...], written: Any, limits: dict[str, Any], words: str
) -> str:
    match kind:
        case "value_error":
            said = words.removeprefix("Value error, ")
        case "extra_forbidden":
            said = _unknown(steps)
        case "literal_error":
            said = _one_of(limits["expected"].replace("True, False", "true, false"), written)
        case "string_type":
            said = f"text is wanted{_misread(written)}"
        case "string_pattern_mismatch":
            said = PATTERNS[limits["pattern"]]
        case _:
            said = _SAID[kind].format(example=_example(steps), **limits) if kind in _SAID else words
    return said


def _misread(written: Any) -> str:
    """Say how YAML came to read something else than text."""
    match written:
        case bool():
            return ", and YAML reads this as true or false: put it in quotes"
        case int() | float():
            return ", and YAML reads this as a number: put it in quotes"
        case None:
            return ", and nothing stands here"
        case list() | dict():
            return "; braces and brackets at the beginning need quotes, as '{{ title }}'"
    return ""


def _one_of(expected: str, written: Any) -> str:
    known = [name.strip("'") for name in expected.replace(" or ", ", ").split(", ")]
    near = get_close_matches(written, known, 1) if isinstance(written, str) else []
    guess = f"; did you mean {near[0]}?" if near else _misread(written)
    return f"{expected} is wanted{guess}"


def _unknown(steps: tuple[Any, ...]) -> str:
    known = sorted(_names(_models_at(steps[:-1])))
    near = get_close_matches(str(steps[-1])[:LONGEST_NAME_SHOWN], known, 1)
    if near:
        return f"there is no such field; did you mean {near[0]}?"
    return f"there is no such field; there are {', '.join(known)}"


def _example(steps: tuple[Any, ...]) -> str:
    models = _models_at(steps)
    required = (
        _written(name, field)
        for model in models
        for name, field in model.model_fields.items()
        if field.is_required()
    )
    return next(chain(required, sorted(_names(models))), "…")


def _names(models: list[type[BaseModel]]) -> set[str]:
    return {_written(name, field) for model in models for name, field in model.model_fields.items()}


def _written(name: str, field: Any) -> str:
    """Return a field's name as contracts write it."""
    return str(field.alias or name)


def _models_at(steps: tuple[Any, ...]) -> list[type[BaseModel]]:
    """Return what can stand at a place of a contract."""
    models: list[type[BaseModel]] = [Contract]
    for step in steps:
        if isinstance(step, int):
            continue  # the members of a list are all of one kind
        models = [
            inner
            for model in models
            for name, field in model.model_fields.items()
            if step in (name, field.alias)
            for inner in _models_of(field.annotation)
        ]
    return models


def _models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_of(inner)
