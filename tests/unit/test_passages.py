"""The texts in requests and answers."""

from typing import Any

from batchwright.completion import Completion
from batchwright.passages import completion_with, request_with, texts_answered, texts_asked
from batchwright.request import Request
from batchwright.usage import Usage

CONVERSE: dict[str, Any] = {
    "system": [{"text": "be kind"}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "who is it"},
                {"image": {"format": "png", "source": {"bytes": "aGk="}}},
                {
                    "document": {
                        "name": "cv",
                        "format": "pdf",
                        "source": {"s3Location": {"uri": "s3://b/k"}},
                    }
                },
                {"guardContent": {"text": {"text": "guarded", "qualifiers": ["query"]}}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {
                    "toolUse": {
                        "toolUseId": "t",
                        "name": "find",
                        "input": {"name": "Ann", "n": 4111111111111111},
                    }
                }
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "t",
                        "content": [{"json": {"a@b.ch": ["x"]}}, {"text": "found"}],
                    }
                }
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 5, "stopSequences": ["END"]},
    "toolConfig": {
        "tools": [
            {"toolSpec": {"name": "find", "description": "finds", "inputSchema": {"json": {}}}}
        ]
    },
}


def test_every_text_of_a_conversation_is_found_and_nothing_of_its_frame() -> None:
    assert texts_asked(Request(CONVERSE)) == [
        "be kind",
        "who is it",
        "guarded",
        "query",
        "name",
        "Ann",
        "n",
        "4111111111111111",
        "a@b.ch",
        "x",
        "found",
    ]


def test_texts_are_replaced_where_they_stand() -> None:
    body = request_with(
        CONVERSE, {"Ann": "[NAME_1]", "a@b.ch": "[EMAIL_1]", "4111111111111111": "[CARD_1]"}
    )
    assert body["messages"][1]["content"][0]["toolUse"]["input"] == {
        "name": "[NAME_1]",
        "n": "[CARD_1]",
    }
    assert body["messages"][2]["content"][0]["toolResult"]["content"][0] == {
        "json": {"[EMAIL_1]": ["x"]}
    }
    assert body["system"] == CONVERSE["system"]
    assert body["toolConfig"] == CONVERSE["toolConfig"]


def test_thoughts_tools_and_words_of_an_answer_are_texts() -> None:
    content = [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"text": "so"},
        {"toolUse": {"toolUseId": "1", "name": "go", "input": {"parameters": "to"}}},
    ]
    assert texts_answered(content) == ["hm", "so", "parameters", "to"]


def test_a_family_s_own_answer_is_looked_at_in_its_own_words() -> None:
    native = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "text", "text": "hello"},
            {"type": "tool_use", "id": "t", "name": "x", "input": {"to": "me"}},
        ],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3},
    }
    assert texts_answered(native) == ["hello", "to", "me"]


def test_both_forms_of_an_answer_are_replaced() -> None:
    completion = Completion(
        content=[{"text": "Ann"}],
        stop_reason="end_turn",
        usage=Usage(),
        latency_ms=1,
        native={"content": [{"type": "text", "text": "Ann"}]},
    )
    now = completion_with(completion, {"Ann": "[NAME_1]"})
    assert now.text == "[NAME_1]"
    assert now.native == {"content": [{"type": "text", "text": "[NAME_1]"}]}


def test_a_picture_in_a_data_url_is_no_text() -> None:
    body = {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
                ],
            }
        ]
    }
    assert texts_asked(Request(body, family="openai")) == []
