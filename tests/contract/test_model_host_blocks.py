"""Images, documents, tool results and thoughts in Converse's messages: what counts, what is refused."""

import base64
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.host.running import RunningHost

NOVA = "us.amazon.nova-lite-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
IMAGE = {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}
IMAGE_IN_S3 = {
    "image": {
        "format": "webp",
        "source": {"s3Location": {"uri": "s3://pictures/a.webp", "bucketOwner": "123456789012"}},
    }
}
PDF = {"document": {"format": "pdf", "name": "Terms (2026) [v2]", "source": {"bytes": b"x" * 41}}}
PLAIN = {"document": {"name": "notes", "source": {"text": "0123456789"}}}
IN_S3 = {"document": {"name": "n", "source": {"s3Location": {"uri": "s3://papers/a.pdf"}}}}
TOOL = {"tools": [{"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}]}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(said: str) -> dict[str, Any]:
    return {"text": said}


def called(identity: str) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": identity, "name": "find", "input": {"id": 7}}}


def returned(identity: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": identity, "content": list(content), "status": "success"}}


def said_by(answer: dict[str, Any]) -> str:
    return "".join(block["text"] for block in answer["output"]["message"]["content"])


def test_what_a_guardrail_looks_at_is_read_like_any_other_text(bedrock: Any) -> None:
    guarded = {"text": {"text": "what is this?", "qualifiers": ["guard_content"]}}

    answer = bedrock.converse(modelId=NOVA, messages=[user({"guardContent": guarded})])

    assert said_by(answer) == "what is this?"


@pytest.mark.parametrize(
    ("blocks", "tokens"),
    [
        ([IMAGE], 1600),
        ([IMAGE, IMAGE_IN_S3], 3200),
        ([PDF], 11),
        ([PLAIN], 3),
        ([IN_S3], 0),
        ([{"cachePoint": {"type": "default", "ttl": "1h"}}], 0),
    ],
)
def test_what_is_attached_counts_and_the_text_beside_it_is_echoed(
    bedrock: Any, host: RunningHost, blocks: list[dict[str, Any]], tokens: int
) -> None:
    messages = [user(*blocks, text("what is this?"))]

    answer = bedrock.converse(modelId=NOVA, messages=messages)
    counted = bedrock.count_tokens(modelId=NOVA, input={"converse": {"messages": messages}})

    assert said_by(answer) == "what is this?"
    assert answer["usage"]["inputTokens"] == 4 + tokens
    assert counted["inputTokens"] == 4 + tokens
    assert host.calls()[0]["input_tokens"] == 4 + tokens


def test_an_image_takes_its_tokens_from_the_quota(host: RunningHost, bedrock: Any) -> None:
    host.behave(tpm=1000)

    with pytest.raises(ClientError, match="Too many tokens"):
        bedrock.converse(
            modelId=NOVA, messages=[user(IMAGE, text("hi"))], inferenceConfig={"maxTokens": 10}
        )


def test_an_image_alone_leaves_the_text_before_as_the_last(bedrock: Any) -> None:
    messages = [user(text("first")), assistant(text("and?")), user(IMAGE)]

    assert said_by(bedrock.converse(modelId=NOVA, messages=messages)) == "first"


def test_what_tools_gave_is_user_text_where_nothing_else_was_said(bedrock: Any) -> None:
    results = [returned("a", text("sunny"), {"json": {"c": 21}}), returned("b", IMAGE)]
    before = [user(text("weather?")), assistant(called("a"), called("b"))]

    alone = bedrock.converse(modelId=NOVA, messages=[*before, user(*results)], toolConfig=TOOL)
    beside = bedrock.converse(
        modelId=NOVA, messages=[*before, user(*results, text("so?"))], toolConfig=TOOL
    )

    assert said_by(alone) == 'sunny\n{"c": 21}'
    assert said_by(beside) == "so?"
    assert beside["usage"]["inputTokens"] == alone["usage"]["inputTokens"] + 1


def test_a_fault_matches_what_a_tool_gave(host: RunningHost, bedrock: Any) -> None:
    host.behave(faults=[{"do": "throttle", "match": "sunny"}])
    messages = [
        user(text("weather?")),
        assistant(called("a")),
        user(returned("a", text("sunny"))),
    ]

    with pytest.raises(ClientError, match="Too many requests"):
        bedrock.converse(modelId=NOVA, messages=messages, toolConfig=TOOL)


def test_thoughts_of_turns_before_are_taken_and_not_counted(bedrock: Any) -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "hm" * 40, "signature": "s"}}}
    hidden = {"reasoningContent": {"redactedContent": b"secret"}}

    def ask(*thoughts: dict[str, Any]) -> dict[str, Any]:
        messages = [user(text("a")), assistant(*thoughts, text("b")), user(text("c"))]
        answer: dict[str, Any] = bedrock.converse(modelId=CLAUDE, messages=messages)
        return answer

    assert ask(thought, hidden)["usage"] == ask()["usage"]


def image(**changed: Any) -> dict[str, Any]:
    source = {"bytes": base64.b64encode(b"x").decode()}
    return {"image": {"format": "png", "source": source, **changed}}


def misnamed() -> dict[str, Any]:
    return {"toolUse": {"toolUseId": "a b", "name": "find", "input": {}}}


def document(**changed: Any) -> dict[str, Any]:
    return {"document": {"name": "n", "source": {"text": "x"}, **changed}}


ASKED = [user(text("a")), assistant(called("a"), called("b"))]


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([user(image(format="bmp"))], "enum value set: ['png', 'jpeg', 'gif' or 'webp']"),
        ([user(image(size=3))], "extraneous key [size] is not permitted at 'messages.0.content.0"),
        ([user(image(source={"bytes": "%%"}))], "Member must be valid base64"),
        ([user(image(source={"bytes": ""}))], "length greater than or equal to 1"),
        ([user(image(source={}))], "exactly one of the members [bytes, s3Location]"),
        ([user(image(source={"s3Location": {"uri": "https://x/y"}}))], "s3Location.uri"),
        ([user({**image(), **text("a")})], "exactly one of the members [text, image,"),
        ([user(*[image()] * 21)], "at most 20 image blocks"),
        ([user(text("a")), assistant(image()), user(text("a"))], "image field in the ContentBlock object at"),
        ([user(document())], "A text block must be included when using documents."),
        ([user(text("a"), document(name="a.pdf"))], "The document file name can only contain alphanumeric"),
        ([user(text("a"), document(name="two  spaces"))], "more than one consecutive whitespace"),
        ([user(text("a"), document(format="odt"))], "document.format"),
        ([user(text("a"), document(source={"text": "a", "bytes": "eA=="}))], "[bytes, text, s3Location]"),
        ([user(text("a"), *[document()] * 6)], "at most 5 document blocks"),
        ([*ASKED, user(returned("a"))], "Expected toolResult blocks at messages.2.content for the following Ids: b"),
        ([*ASKED, user(returned("a"), returned("c"))], "for the following Ids: b"),
        ([*ASKED, user(text("never mind"))], "for the following Ids: a, b"),
        ([*ASKED, user(returned("a"), returned("b"), returned("c"))], "exceeds the number of toolUse blocks"),
        ([user(returned("a", text("x")))], "The number of toolResult blocks at messages.0.content"),
        ([user(text("a")), assistant(called("a"), called("a"))], "duplicate Ids"),
        ([user(called("a"))], "The toolUse field"),
        ([user(text("a"), {"reasoningContent": {"reasoningText": {"text": "x"}}})], "The reasoningContent field"),
        ([user(text("a")), assistant(misnamed())], "toolUse.toolUseId"),
        ([*ASKED, user({"toolResult": {"toolUseId": "a", "content": [], "status": "odd"}})], "toolResult.status"),
    ],
)  # fmt: skip
def test_a_block_that_bedrock_would_not_take_is_refused(
    host: RunningHost, messages: list[dict[str, Any]], why: str
) -> None:
    body = {"messages": messages, "toolConfig": TOOL}

    status, refusal = host.post("converse", model=NOVA, body=body)

    assert status == 400
    assert why in refusal["message"]
    assert [(call["status"], call["input_tokens"]) for call in host.calls()] == [(400, 0)]


def test_tools_in_the_messages_need_a_tool_configuration(bedrock: Any) -> None:
    messages = [*ASKED, user(returned("a", text("x")), returned("b", text("x")))]

    with pytest.raises(ClientError, match="toolConfig field must be defined") as error:
        bedrock.converse(modelId=NOVA, messages=messages)

    assert error.value.response["Error"]["Code"] == "ValidationException"
