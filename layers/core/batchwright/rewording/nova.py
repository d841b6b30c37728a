"""A request in Nova's own words, which are Converse's, less documents and what Bedrock itself adds
(docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html).
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import structs

from batchwright.rewording.asked import ConverseRequest, Message, ToolConfig, ToolSpec
from batchwright.rewording.refusing import read, refused

type Object = dict[str, Any]

VERSION = "messages-v1"


def written(converse: Object) -> Object:
    """Return the request."""
    asked = read(converse, ConverseRequest, whole="modelInput")
    if asked.outputConfig is not None:
        raise refused("outputConfig", "Nova's own words have no form for the answer")
    body: Object = {
        "schemaVersion": VERSION,
        "messages": [
            {"role": message.role, "content": [*_blocks(message, f"messages[{place}]")]}
            for place, message in enumerate(asked.messages)
        ],
        "inferenceConfig": msgspec.to_builtins(asked.inferenceConfig),
    }
    if asked.said_by_system:
        body["system"] = [{"text": text} for text in asked.said_by_system]
    if asked.toolConfig is not None:
        body["toolConfig"] = _tools(asked.toolConfig)
    return body


def _blocks(message: Message, at: str) -> Iterator[Object]:
    for place, block in enumerate(message.content):
        if block.cachePoint is not None:
            continue
        answered = block.toolResult.content if block.toolResult is not None else ()
        if any(each.document is not None for each in (block, *answered)):
            raise refused(f"{at}.content[{place}]", "Nova reads documents by Converse only")
        yield msgspec.to_builtins(block)


def _tools(config: ToolConfig) -> Object:
    made: Object = {
        "tools": [
            {"toolSpec": _spec(tool.toolSpec, f"toolConfig.tools[{place}].toolSpec")}
            for place, tool in enumerate(config.tools)
            if tool.toolSpec is not None
        ]
    }
    if config.toolChoice is not None:
        made["toolChoice"] = msgspec.to_builtins(config.toolChoice)
    return made


def _spec(spec: ToolSpec, at: str) -> Any:
    if spec.strict:
        raise refused(f"{at}.strict", "Nova's own words cannot hold a call to its schema")
    return msgspec.to_builtins(structs.replace(spec, strict=None))
