"""A Converse request as the chat completion that servers of OpenAI's API take
(platform.openai.com/docs/api-reference/chat/create).

What that API has no word for is refused by name, and never dropped; marks for prompt caches and the thoughts of earlier
turns change no answer, and stay behind.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from batchwright.errors import RecordInvalid
from batchwright.media import DOCUMENTS, IMAGES
from batchwright.request import Request

type Block = dict[str, Any]
type Message = dict[str, Any]

# The newer name is max_completion_tokens, which older servers do not know; all of them know this one.
SETTINGS = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop",
}
SILENT = {"cachePoint", "reasoningContent"}
TOP = {
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "outputConfig",
    "additionalModelRequestFields",
}
# What would change how the answer comes, or whom it is for.
OURS = {"messages", "model", "n", "stream", "stream_options", "user"}
IMAGE_TYPES = {kind: media for media, kind in IMAGES.items() if media != "image/jpg"}
DOCUMENT_TYPES = {kind: media for media, kind in DOCUMENTS.items()}


def chat_body(request: Request, model: str | None) -> dict[str, Any]:
    """Return the body of a chat completion; raises :class:`RecordInvalid` where the request cannot be put so.

    ``model`` is what the server calls it, where it wants to be told.
    """
    asked = request.body
    if request.family is not None:
        raise _refused("modelInput", "a native body of another maker cannot be asked here")
    if unknown := sorted(asked.keys() - TOP):
        raise _refused(unknown[0], "this endpoint has no such thing")
    more = asked.get("additionalModelRequestFields") or {}
    if taken := sorted(more.keys() & OURS):
        raise _refused(f"additionalModelRequestFields.{taken[0]}", "it is said by the contract")
    said = asked.get("inferenceConfig", {})
    settings = {SETTINGS[name]: value for name, value in said.items() if value not in (None, [])}
    return {
        **more,
        **({"model": model} if model else {}),
        "messages": [*_system(asked.get("system", ())), *_turns(asked["messages"])],
        **settings,
        **_tools(asked.get("toolConfig") or {}),
        **_format(asked.get("outputConfig") or {}),
    }


def _refused(param: str, why: str) -> RecordInvalid:
    return RecordInvalid("invalid_request", f"{param}: {why}", param=param)


def _kind(block: Block) -> str:
    """Return what a block is: its one key."""
    return next(iter(block), "")


def _system(blocks: Iterable[Block]) -> Iterator[Message]:
    texts = [_system_text(block) for block in blocks if _kind(block) not in SILENT]
    if texts:
        yield {"role": "system", "content": "\n".join(texts)}


def _system_text(block: Block) -> str:
    if _kind(block) == "guardContent":
        return _guarded(block)
    if "text" not in block:
        raise _refused(f"system.{_kind(block)}", "a system prompt is text here")
    text: str = block["text"]
    return text


def _turns(messages: Iterable[Message]) -> Iterator[Message]:
    for message in messages:
        blocks = [block for block in message["content"] if _kind(block) not in SILENT]
        if message["role"] == "assistant":
            yield _assistant(blocks)
            continue
        # Answers of tools are messages of their own, and stand right behind what called them.
        yield from (_tool_answer(block["toolResult"]) for block in blocks if "toolResult" in block)
        if parts := [_part(block) for block in blocks if "toolResult" not in block]:
            yield {"role": "user", "content": _plain(parts)}


def _plain(parts: list[dict[str, Any]]) -> Any:
    """Return texts as one text: there are servers that know no parts."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _assistant(blocks: list[Block]) -> Message:
    said: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in blocks:
        if "text" in block:
            said.append(block["text"])
        elif "toolUse" in block:
            calls.append(_call(block["toolUse"]))
        else:
            raise _refused(f"messages.{_kind(block)}", "an assistant cannot have said this here")
    message: Message = {"role": "assistant", "content": "".join(said) if said else None}
    return {**message, "tool_calls": calls} if calls else message


def _call(used: dict[str, Any]) -> dict[str, Any]:
    given = used["input"]
    arguments = given if isinstance(given, str) else orjson.dumps(given).decode()
    function = {"name": used["name"], "arguments": arguments}
    return {"id": used["toolUseId"], "type": "function", "function": function}


def _tool_answer(answer: dict[str, Any]) -> Message:
    if answer.get("status") == "error":
        raise _refused("toolResult.status", "that a tool failed cannot be told here")
    texts = [_told(block) for block in answer["content"]]
    return {"role": "tool", "tool_call_id": answer["toolUseId"], "content": "\n".join(texts)}


def _told(block: Block) -> str:
    if "json" in block:
        return orjson.dumps(block["json"]).decode()
    if "text" not in block:
        raise _refused(f"toolResult.{_kind(block)}", "a tool answers text or JSON here")
    text: str = block["text"]
    return text


def _part(block: Block) -> dict[str, Any]:
    match block:
        case {"text": text}:
            return {"type": "text", "text": text}
        case {"guardContent": _}:
            return {"type": "text", "text": _guarded(block)}
        case {"image": {"format": kind, "source": {"bytes": content}}} if kind in IMAGE_TYPES:
            return {
                "type": "image_url",
                "image_url": {"url": _data_url(IMAGE_TYPES[kind], content)},
            }
        case {"document": {"source": {"text": str(text)}}}:
            return {"type": "text", "text": text}
        case {"document": {"format": kind, "name": name, "source": {"bytes": content}}} if (
            kind in DOCUMENT_TYPES
        ):
            held = {"filename": name, "file_data": _data_url(DOCUMENT_TYPES[kind], content)}
            return {"type": "file", "file": held}
    raise _refused(f"messages.{_kind(block)}", "this endpoint has no such block")


def _guarded(block: Block) -> str:
    text: str = block["guardContent"]["text"]["text"]
    return text


def _data_url(media_type: str, encoded: str) -> str:
    return f"data:{media_type};base64,{encoded}"


def _tools(config: dict[str, Any]) -> dict[str, Any]:
    """Return the tools, and which of them must be called."""
    specs = [tool["toolSpec"] for tool in config.get("tools", ()) if "toolSpec" in tool]
    if not specs:
        return {}
    tools = [{"type": "function", "function": _function(spec)} for spec in specs]
    match config.get("toolChoice"):
        case {"any": _}:
            return {"tools": tools, "tool_choice": "required"}
        case {"tool": {"name": name}}:
            choice = {"type": "function", "function": {"name": name}}
            return {"tools": tools, "tool_choice": choice}
    return {"tools": tools}


def _function(spec: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        name: spec[name] for name in ("name", "description", "strict") if name in spec
    }
    return {**kept, "parameters": spec["inputSchema"]["json"]}


def _format(config: dict[str, Any]) -> dict[str, Any]:
    """Return the form that the answer must have."""
    if unknown := sorted(config.keys() - {"textFormat"}):
        raise _refused(f"outputConfig.{unknown[0]}", "this endpoint has no such thing")
    wanted = config.get("textFormat")
    if wanted is None:
        return {}
    match wanted:
        case {"structure": {"jsonSchema": {"schema": str(written), **named}}}:
            schema = {"name": named.get("name", "answer"), "schema": orjson.loads(written)}
            if named.get("description"):
                schema["description"] = named["description"]
        case _:
            raise _refused("outputConfig.textFormat", "this endpoint has only JSON Schema")
    return {"response_format": {"type": "json_schema", "json_schema": {**schema, "strict": True}}}
