"""The tools of OpenAI's endpoints: functions and the choice among them, as shapes and as Converse's ``toolConfig``."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import Meta, Raw

from batchwright.dialects.jsonl import Shape, invalid, is_portable
from batchwright.request import tokens_in
from batchwright.schema import LARGEST_SCHEMA, read_schema

type FunctionName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
# What Bedrock takes; OpenAI's own are ``call_`` and letters.
type CallId = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.:-]{1,64}$")]

NOTHING = b"null"
NO_PARAMETERS = {"type": "object", "properties": {}}


class Function(Shape, frozen=True):
    """A function that the model may ask to be called; its parameters are a JSON schema."""

    name: FunctionName
    description: str | None = None
    parameters: Raw = Raw(NOTHING)
    strict: bool | None = None


class NamedFunction(Shape, frozen=True):
    """The one function that must be called."""

    name: FunctionName


type Mode = Literal["none", "auto", "required"]
type Choice = Mode | NamedFunction | None


def check_tools(
    functions: Sequence[Function],
    choice: Choice,
    record_id: str,
    *,
    called: bool,
    within: str = "",
) -> int:
    """Check what the shapes cannot say of tools, and return their estimated tokens; raises :class:`RecordInvalid`.

    ``called`` says whether the messages call some, ``within`` where in a tool its function is.
    """
    if called and not functions:
        raise invalid("body.tools", "messages that call tools need the tools", record_id)
    _check_choice(functions, choice, record_id, called=called)
    for place, function in enumerate(functions):
        try:
            _check_parameters(bytes(function.parameters), strict=bool(function.strict))
        except ValueError as fault:
            param = f"body.tools[{place}]{within}.parameters"
            raise invalid(param, str(fault), record_id) from None
    return tokens_in(len(msgspec.json.encode(functions))) if functions else 0


def tool_config(functions: Sequence[Function], choice: Choice) -> dict[str, Any] | None:
    """Return Converse's ``toolConfig``."""
    if not functions or choice == "none":
        return None
    config: dict[str, Any] = {"tools": [{"toolSpec": _spec(function)} for function in functions]}
    if choice == "required":
        config["toolChoice"] = {"any": {}}
    elif isinstance(choice, NamedFunction):
        config["toolChoice"] = {"tool": {"name": choice.name}}
    return config


def arguments_of(tool_use: dict[str, Any]) -> str:
    """Return the arguments of a call in a completion, as OpenAI writes them: JSON in a string."""
    return orjson.dumps(tool_use["input"]).decode()


def _check_choice(
    functions: Sequence[Function], choice: Choice, record_id: str, *, called: bool
) -> None:
    param = "body.tool_choice"
    if called and choice == "none":
        raise invalid(param, "'none' cannot be kept where messages call tools", record_id)
    if not functions and choice not in {None, "none", "auto"}:
        raise invalid(param, "there are no tools to choose from", record_id)
    if isinstance(choice, NamedFunction) and all(f.name != choice.name for f in functions):
        raise invalid(param, "it names no tool of tools", record_id)


@lru_cache(maxsize=256)
def _check_parameters(written: bytes, *, strict: bool) -> None:
    """Look at the schema of parameters; raises :class:`ValueError`. A file repeats its few tools on every line."""
    if len(written) > LARGEST_SCHEMA:
        raise ValueError(f"it is longer than {LARGEST_SCHEMA:,} bytes")
    try:
        parameters = orjson.loads(written)
    except orjson.JSONDecodeError:
        raise ValueError("it is nested too deep, or its text is no Unicode") from None
    if not is_portable(parameters):
        raise ValueError("it is nested too deep")
    if not isinstance(parameters, dict | None):
        raise ValueError("a JSON object is wanted")  # noqa: TRY004 - said to the user, as every fault of a schema
    if strict and parameters is not None:
        read_schema(written)


def _spec(function: Function) -> dict[str, Any]:
    parameters = orjson.loads(bytes(function.parameters)) or NO_PARAMETERS
    spec: dict[str, Any] = {"name": function.name, "inputSchema": {"json": parameters}}
    if function.description and not function.description.isspace():
        spec["description"] = function.description
    if function.strict:
        spec["strict"] = True
    return spec
