"""OpenAI's chat completions, as vLLM, TGI's messages API and DJL's chat schema take them
(docs.vllm.ai/en/latest/serving/openai_compatible_server.html).
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from batchwright.bodies.plain import (
    MARKS,
    check_honoured,
    refused,
    schema_of,
    text_in,
    texts_in,
    without_nothing,
)
from batchwright.dialects.openai_tools import arguments_of
from batchwright.natives.bodies import Said
from batchwright.natives.chat import Reply, said
from batchwright.request import Request

TOOL_CHOICES = {"auto": "auto", "any": "required"}


class OpenAI:
    """A chat completion."""

    def written(self, request: Request, model: str | None) -> dict[str, Any]:
        """Return the body of a chat completion."""
        check_honoured(request)
        body = request.body
        inference = body.get("inferenceConfig", {})
        return {
            **(body.get("additionalModelRequestFields") or {}),
            **({"model": model} if model else {}),
            "messages": [*_messages(body)],
            **without_nothing(
                {
                    "max_tokens": inference.get("maxTokens"),
                    "temperature": inference.get("temperature"),
                    "top_p": inference.get("topP"),
                    "stop": inference.get("stopSequences"),
                }
            ),
            **_tools(body.get("toolConfig") or {}),
            **_format(request),
        }

    def said(self, answer: Any) -> Said:
        """Return the one choice."""
        return said(msgspec.convert(answer, Reply))


def _messages(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if system := texts_in(body.get("system", ()), "system"):
        yield {"role": "system", "content": system}
    for place, message in enumerate(body["messages"]):
        at = f"messages[{place}].content"
        if message["role"] == "assistant":
            yield _assistant(message["content"], at)
        else:
            yield from _user(message["content"], at)


def _user(blocks: list[dict[str, Any]], at: str) -> Iterator[dict[str, Any]]:
    """Yield the answers of tools, and then what the user says: OpenAI has a message for each."""
    rest = []
    for block in blocks:
        if (result := block.get("toolResult")) is not None:
            yield {
                "role": "tool",
                "tool_call_id": result["toolUseId"],
                "content": "\n".join(_result(part, at) for part in result["content"]),
            }
        elif MARKS.isdisjoint(block):
            rest.append(_part(block, at))
    if all(part["type"] == "text" for part in rest):
        if rest:
            yield {"role": "user", "content": "\n".join(part["text"] for part in rest)}
    else:
        yield {"role": "user", "content": rest}


def _result(part: dict[str, Any], at: str) -> str:
    match part:
        case {"text": str(text)}:
            return text
        case {"json": value}:
            return orjson.dumps(value).decode()
    raise refused(at, "a tool's answer goes to an endpoint as text or JSON only")


def _part(block: dict[str, Any], at: str) -> dict[str, Any]:
    if (text := text_in(block)) is not None:
        return {"type": "text", "text": text}
    match block:
        case {"image": {"format": str(kind), "source": {"bytes": str(encoded)}}}:
            url = f"data:image/{kind};base64,{encoded}"
            return {"type": "image_url", "image_url": {"url": url}}
    kind = next(iter(block), "nothing")
    raise refused(at, f"an endpoint takes texts and pictures, and here is {kind}")


def _assistant(blocks: list[dict[str, Any]], at: str) -> dict[str, Any]:
    calls = [block["toolUse"] for block in blocks if "toolUse" in block]
    # What a model thought is for the model that thought it.
    texts = [
        block for block in blocks if "toolUse" not in block and "reasoningContent" not in block
    ]
    told: dict[str, Any] = {"role": "assistant", "content": texts_in(texts, at) or None}
    if calls:
        told["tool_calls"] = [
            {
                "id": call["toolUseId"],
                "type": "function",
                "function": {"name": call["name"], "arguments": arguments_of(call)},
            }
            for call in calls
        ]
    return told


def _tools(config: dict[str, Any]) -> dict[str, Any]:
    tools = [{"type": "function", "function": _function(tool)} for tool in config.get("tools", ())]
    if not tools:
        return {}
    match config.get("toolChoice"):
        case {"tool": {"name": str(name)}}:
            return {
                "tools": tools,
                "tool_choice": {"type": "function", "function": {"name": name}},
            }
        case dict(choice):
            return {"tools": tools, "tool_choice": TOOL_CHOICES[next(iter(choice))]}
    return {"tools": tools}


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    match tool:
        case {"toolSpec": {"name": str(name), "inputSchema": {"json": schema}, **said}}:
            more = {key: said[key] for key in ("description", "strict") if key in said}
            return {"name": name, "parameters": schema, **more}
        case {"cachePoint": _}:
            raise refused(
                "toolConfig", "an endpoint keeps no tools in a cache: leave cachePoint out"
            )
    raise refused("toolConfig", "an endpoint takes toolSpec only")


def _format(request: Request) -> dict[str, Any]:
    schema, name = schema_of(request)
    if schema is None:
        return {}
    told = {"name": name, "schema": orjson.loads(schema), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": told}}


SHAPE = OpenAI()
