"""A request in the words of Claude's Messages
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html).
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from msgspec import UNSET

from batchwright.rewording.asked import (
    Block,
    ConverseRequest,
    Document,
    Image,
    JsonSchema,
    OutputConfig,
    Reasoning,
    Returned,
    ToolChoice,
    ToolResult,
    ToolSpec,
    ToolUse,
)
from batchwright.rewording.refusing import read, refused

type Object = dict[str, Any]

VERSION = "bedrock-2023-05-31"
PLAIN = {None, "txt"}


def written(converse: Object) -> Object:
    """Return a message to create."""
    asked = read(converse, ConverseRequest, whole="modelInput")
    config, tools = asked.inferenceConfig, [_tool(spec) for spec in asked.tools]
    choice = asked.toolConfig.toolChoice if asked.toolConfig else None
    body = {
        "anthropic_version": VERSION,
        "messages": [
            {"role": message.role, "content": [*_blocks(message.content, f"messages[{place}]")]}
            for place, message in enumerate(asked.messages)
        ],
        "system": [_text(text) for text in asked.said_by_system] or None,
        "max_tokens": config.maxTokens,
        "temperature": config.temperature,
        "top_p": config.topP,
        "stop_sequences": config.stopSequences or None,
        "tools": tools or None,
        "tool_choice": None if choice is None else _choice(choice),
        "output_config": asked.outputConfig and _output_config(asked.outputConfig),
    }
    return {name: value for name, value in body.items() if value is not None}


def _text(text: str) -> Object:
    return {"type": "text", "text": text}


def _blocks(blocks: Sequence[Block], at: str) -> Iterator[Object]:
    for place, block in enumerate(blocks):
        if block.cachePoint is None:
            yield _block(block, f"{at}.content[{place}]")


def _block(block: Block, at: str) -> Object:
    match block:
        case Block(text=str(text)):
            return _text(text)
        case Block(image=Image() as image):
            return _image(image)
        case Block(document=Document() as document):
            return _document(document, at)
        case Block(toolUse=ToolUse(toolUseId=call_id, name=name, input=given)):
            return {"type": "tool_use", "id": call_id, "name": name, "input": given}
        case Block(toolResult=ToolResult() as result):
            return _result(result, at)
        case Block(reasoningContent=Reasoning(reasoningText=thought)):
            if thought.signature is None:
                raise refused(at, "Claude takes no thought without its signature")
            return {"type": "thinking", "thinking": thought.text, "signature": thought.signature}
    raise refused(at, "Claude's own words have no such block")


def _image(image: Image) -> Object:
    return _encoded("image", f"image/{image.format}", image.source.bytes)


def _encoded(kind: str, media_type: str, content: str) -> Object:
    source = {"type": "base64", "media_type": media_type, "data": content}
    return {"type": kind, "source": source}


def _document(document: Document, at: str) -> Object:
    source = document.source
    if source.text is not None and document.format in PLAIN:
        made = _plain(source.text)
    elif source.bytes is not None and document.format == "txt":
        made = _plain(_decoded(source.bytes, at))
    elif source.bytes is not None and document.format == "pdf":
        made = _encoded("document", "application/pdf", source.bytes)
    else:
        raise refused(at, "Claude's own words have PDF and plain text, and no other documents")
    made["title"] = document.name
    if document.context is not None:
        made["context"] = document.context
    return made


def _plain(text: str) -> Object:
    source = {"type": "text", "media_type": "text/plain", "data": text}
    return {"type": "document", "source": source}


def _decoded(content: str, at: str) -> str:
    try:
        return b64decode(content, validate=True).decode()
    except ValueError:
        raise refused(at, "a plain text is wanted, in UTF-8 and base64") from None


def _result(result: ToolResult, at: str) -> Object:
    content = [
        _returned(block, f"{at}.toolResult.content[{place}]")
        for place, block in enumerate(result.content)
    ]
    made = {"type": "tool_result", "tool_use_id": result.toolUseId, "content": content}
    return made | ({"is_error": True} if result.status == "error" else {})


def _returned(block: Returned, at: str) -> Object:
    match block:
        case Returned(text=str(text)):
            return _text(text)
        case Returned(image=Image() as image):
            return _image(image)
        case Returned(document=Document() as document):
            return _document(document, at)
    if block.json is UNSET:
        raise refused(at, "a text, JSON, a picture or a document is wanted")
    return _text(json.dumps(block.json, ensure_ascii=False))


def _tool(spec: ToolSpec) -> Object:
    made: Object = {"name": spec.name, "input_schema": spec.inputSchema.json}
    if spec.description is not None:
        made["description"] = spec.description
    return made | ({"strict": True} if spec.strict else {})


def _choice(choice: ToolChoice) -> Object:
    if choice.tool is not None:
        return {"type": "tool", "name": choice.tool.name}
    return {"type": "auto" if choice.any is None else "any"}


def _output_config(config: OutputConfig) -> Object:
    made: Object = {}
    if config.textFormat is not None:
        wanted = config.textFormat.structure.jsonSchema
        made["format"] = {"type": "json_schema", "schema": _schema(wanted)}
    return made | ({"effort": config.effort} if config.effort else {})


def _schema(wanted: JsonSchema) -> Object:
    """Return the schema; what it is for has no other place than in it."""
    param = "outputConfig.textFormat"
    try:
        schema = orjson.loads(wanted.schema)
    except orjson.JSONDecodeError:
        raise refused(param, "a JSON Schema is wanted") from None
    if not isinstance(schema, dict):
        raise refused(param, "a JSON object is wanted")
    if not wanted.description:
        return schema
    if "description" in schema:
        raise refused(param, "Claude's own words have one description, and here are two")
    return {**schema, "description": wanted.description}
