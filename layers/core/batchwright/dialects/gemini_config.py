"""The settings and functions of Google's ``generateContent``, as shapes and as Converse's
(ai.google.dev/api/generate-content#generationconfig).
"""

from typing import Any, Literal

import orjson
from msgspec import Raw

from batchwright.dialects.gemini_contents import FunctionName
from batchwright.dialects.google import UNSAID, Google, text_of
from batchwright.dialects.jsonl import (
    Fraction,
    Name,
    TokenLimit,
    Zero,
    check_default,
    check_portable,
    invalid,
)
from batchwright.dialects.openapi import json_schema
from batchwright.request import tokens_in
from batchwright.schema import read_schema, structured_output

# Google's schemas have no name, Converse wants one.
SCHEMA_NAME = "answer"
NO_PARAMETERS = {"type": "object", "properties": {}}


class GenerationConfig(Google, frozen=True):
    """Limits, sampling and form; what asks for nothing but the default is taken."""

    # Converse ends at 1 where Google ends at 2: hotter cannot be honoured.
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    top_p_: Fraction | None = None
    max_output_tokens: TokenLimit | None = None
    max_output_tokens_: TokenLimit | None = None
    stop_sequences: list[Name] | None = None
    stop_sequences_: list[Name] | None = None
    candidate_count: Literal[1] | None = None
    candidate_count_: Literal[1] | None = None
    response_mime_type: Literal["text/plain", "application/json"] | None = None
    response_mime_type_: Literal["text/plain", "application/json"] | None = None
    response_schema: Raw = UNSAID
    response_schema_: Raw = UNSAID
    response_json_schema: Raw = UNSAID
    response_json_schema_: Raw = UNSAID
    response_modalities: list[Literal["TEXT"]] | None = None
    response_modalities_: list[Literal["TEXT"]] | None = None
    response_logprobs: bool | None = None
    response_logprobs_: bool | None = None
    presence_penalty: Zero | None = None
    presence_penalty_: Zero | None = None
    frequency_penalty: Zero | None = None
    frequency_penalty_: Zero | None = None


class FunctionDeclaration(Google, frozen=True):
    """A function that the model may ask to be called."""

    name: FunctionName
    description: str | None = None
    parameters: Raw = UNSAID
    parameters_json_schema: dict[str, Any] | None = None
    parameters_json_schema_: dict[str, Any] | None = None


class Tool(Google, frozen=True):
    """Functions of the user's own; Google's built-in tools run at Google."""

    function_declarations: list[FunctionDeclaration] | None = None
    function_declarations_: list[FunctionDeclaration] | None = None


class FunctionCallingConfig(Google, frozen=True):
    """Whether functions may, must or must not be called, and which."""

    mode: Literal["AUTO", "ANY", "NONE"] | None = None
    allowed_function_names: list[FunctionName] | None = None
    allowed_function_names_: list[FunctionName] | None = None


class ToolConfig(Google, frozen=True):
    """How tools are used."""

    function_calling_config: FunctionCallingConfig | None = None
    function_calling_config_: FunctionCallingConfig | None = None


def check_config(config: GenerationConfig, at: str, record_id: str) -> None:
    """Check what the shape cannot say; raises :class:`RecordInvalid`."""
    if config.said("response_logprobs"):
        check_default(f"{at}.responseLogprobs", config.said("response_logprobs"), record_id)
    json_wanted = config.said("response_mime_type") == "application/json"
    schema = config.written("response_schema")
    other = config.written("response_json_schema")
    if not json_wanted and not schema and not other:
        return
    param = f"{at}.{'responseSchema' if schema else 'responseJsonSchema'}"
    if not json_wanted:
        raise invalid(param, "it needs the responseMimeType application/json", record_id)
    if not schema and not other:
        told = "application/json needs a responseSchema: Bedrock holds answers to schemas only"
        raise invalid(f"{at}.responseMimeType", told, record_id)
    if schema and other:
        raise invalid(param, "say it or responseJsonSchema, not both", record_id)
    try:
        _schema_of(config)
    except ValueError as fault:
        raise invalid(param, str(fault), record_id) from None


def inference(config: GenerationConfig) -> dict[str, Any]:
    """Return Converse's ``inferenceConfig``."""
    return {
        "maxTokens": config.said("max_output_tokens"),
        "temperature": config.temperature,
        "topP": config.said("top_p"),
        "stopSequences": config.said("stop_sequences") or None,
    }


def output_config(config: GenerationConfig) -> dict[str, Any] | None:
    """Return Converse's ``outputConfig``."""
    schema = _schema_of(config)
    return structured_output(schema, SCHEMA_NAME) if schema is not None else None


def _schema_of(config: GenerationConfig) -> str | None:
    """Return the schema of the answer; raises :class:`ValueError` where Bedrock does not take it."""
    if written := config.written("response_json_schema"):
        return read_schema(written)
    if written := config.written("response_schema"):
        return read_schema(json_schema(written))
    return None


def functions_of(tools: list[Tool] | None) -> list[FunctionDeclaration]:
    """Return the functions of all tools."""
    return [
        function for tool in tools or () for function in tool.said("function_declarations") or ()
    ]


def check_tools(
    functions: list[FunctionDeclaration],
    config: ToolConfig | None,
    at: str,
    record_id: str,
    *,
    called: bool,
) -> int:
    """Check what the shapes cannot say of functions, and return their estimated tokens; raises :class:`RecordInvalid`.

    ``called`` says whether the contents call some.
    """
    if called and not functions:
        raise invalid(f"{at}.tools", "contents that call functions need the tools", record_id)
    _check_choice(functions, _calling(config), at, record_id, called=called)
    size = 0
    for place, function in enumerate(functions):
        param = f"{at}.tools.functionDeclarations[{place}]"
        if text_of(function.parameters) and function.said("parameters_json_schema") is not None:
            told = "say it or parametersJsonSchema, not both"
            raise invalid(f"{param}.parameters", told, record_id)
        try:
            spec = _spec(function)
        except ValueError as fault:
            raise invalid(f"{param}.parameters", str(fault), record_id) from None
        check_portable(f"{param}.parametersJsonSchema", spec, record_id)
        size += len(orjson.dumps(spec))
    return tokens_in(size)


def _check_choice(
    functions: list[FunctionDeclaration],
    calling: FunctionCallingConfig,
    at: str,
    record_id: str,
    *,
    called: bool,
) -> None:
    param = f"{at}.toolConfig.functionCallingConfig"
    allowed = calling.said("allowed_function_names")
    if calling.mode == "NONE" and called:
        told = "NONE cannot be kept where contents call functions"
        raise invalid(f"{param}.mode", told, record_id)
    if calling.mode == "ANY" and not functions:
        raise invalid(f"{param}.mode", "there are no functions to choose from", record_id)
    if not allowed:
        return
    names = {function.name for function in functions}
    if calling.mode != "ANY" or not names.issuperset(allowed):
        told = "it goes with the mode ANY, and names functions of tools"
        raise invalid(f"{param}.allowedFunctionNames", told, record_id)
    if len(set(allowed)) > 1 and names != set(allowed):
        told = "one function or all of them can be asked for, not some"
        raise invalid(f"{param}.allowedFunctionNames", told, record_id)


def tool_config(
    functions: list[FunctionDeclaration], config: ToolConfig | None
) -> dict[str, Any] | None:
    """Return Converse's ``toolConfig``."""
    calling = _calling(config)
    if not functions or calling.mode == "NONE":
        return None
    made: dict[str, Any] = {"tools": [{"toolSpec": _spec(function)} for function in functions]}
    if calling.mode == "ANY":
        allowed = set(calling.said("allowed_function_names") or ())
        one = len(allowed) == 1
        made["toolChoice"] = {"tool": {"name": allowed.pop()}} if one else {"any": {}}
    return made


def _calling(config: ToolConfig | None) -> FunctionCallingConfig:
    calling = config.said("function_calling_config") if config else None
    return calling or FunctionCallingConfig()


def _spec(function: FunctionDeclaration) -> dict[str, Any]:
    """Return a function as Converse's tool; raises :class:`ValueError` where its parameters are no schema."""
    parameters = function.said("parameters_json_schema") or NO_PARAMETERS
    if written := text_of(function.parameters):
        parameters = orjson.loads(json_schema(written))
    spec: dict[str, Any] = {"name": function.name, "inputSchema": {"json": parameters}}
    if function.description and not function.description.isspace():
        spec["description"] = function.description
    return spec
