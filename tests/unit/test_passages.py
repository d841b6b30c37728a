"""The texts in requests and answers."""

import codecs
from base64 import b64decode, b64encode
from typing import Any

import pytest

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
        "cv",
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


SECRET = "Ann, née Roe, ann@b.ch"


def document(content: bytes, form: str = "txt", name: str = "letter") -> dict[str, Any]:
    """Return a conversation with a document."""
    source = {"bytes": b64encode(content).decode()}
    block = {"document": {"format": form, "name": name, "source": source}}
    return {"messages": [{"role": "user", "content": [block]}]}


@pytest.mark.parametrize("form", ["txt", "md", "html", "csv"])
def test_a_document_that_is_a_text_is_read_and_so_is_its_name(form: str) -> None:
    assert texts_asked(Request(document(SECRET.encode(), form))) == ["letter", SECRET]


@pytest.mark.parametrize(
    "content",
    [
        SECRET.encode("utf-8-sig"),
        SECRET.encode("latin-1"),
        SECRET.encode("utf-16"),
        codecs.BOM_UTF16_BE + SECRET.encode("utf-16-be"),
    ],
    ids=["with a mark", "of one byte a letter", "of two bytes", "the other way round"],
)
def test_a_text_is_read_however_its_letters_are_written(content: bytes) -> None:
    assert texts_asked(Request(document(content)))[1] == SECRET


def test_letters_of_two_bytes_that_nothing_marks_hide_nothing_either() -> None:
    assert texts_asked(Request(document("ann@b.ch".encode("utf-16-le"))))[1] == "ann@b.ch"


@pytest.mark.parametrize("form", ["pdf", "docx", "xls"])
def test_what_must_be_taken_apart_first_is_not_read(form: str) -> None:
    assert texts_asked(Request(document(SECRET.encode(), form))) == ["letter"]


def test_what_is_no_base64_is_left_to_the_service() -> None:
    body = document(b"")
    body["messages"][0]["content"][0]["document"]["source"]["bytes"] = "é"

    assert texts_asked(Request(body)) == ["letter"]
    assert request_with(body, {"é": "e"}) == body


def test_what_is_found_in_a_document_is_replaced_in_it() -> None:
    body = document(SECRET.encode("latin-1"), name="for Ann")
    told = {SECRET: "[NAME_1], née Roe, [EMAIL_1]", "for Ann": "for [NAME_1]"}

    block = request_with(body, told)["messages"][0]["content"][0]["document"]

    assert b64decode(block["source"]["bytes"]).decode() == told[SECRET]
    assert block["name"] == "for [NAME 1]", "Bedrock takes no _ in it"
    assert request_with(body, {"other": "text"}) == body


def claude(*blocks: dict[str, Any]) -> Request:
    return Request({"messages": [{"role": "user", "content": [*blocks]}]}, family="anthropic")


def test_a_text_that_is_a_document_of_claude_s_own_is_a_text() -> None:
    plain = {"type": "text", "media_type": "text/plain", "data": SECRET}
    asked = claude({"type": "document", "source": plain, "title": "letter"})

    assert texts_asked(asked) == [SECRET, "letter"]


@pytest.mark.parametrize("media_type", ["image/png", "application/pdf"])
def test_a_picture_of_claude_s_own_is_no_text(media_type: str) -> None:
    source = {"type": "base64", "media_type": media_type, "data": "aGk="}

    assert texts_asked(claude({"type": "image", "source": source})) == []


def test_sound_is_no_text() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
    body = {"messages": [{"role": "user", "content": [sound]}]}

    assert texts_asked(Request(body, family="mistral")) == []


def test_thoughts_that_nobody_can_read_are_no_text() -> None:
    assert texts_asked(claude({"type": "redacted_thinking", "data": "aGk="})) == []


def test_all_of_the_documents_and_answers_that_command_is_given_is_text() -> None:
    body = {
        "message": "who is it",
        "documents": [{"name": "Ann", "data": "of May"}],
        "tool_results": [
            {"call": {"name": "find", "parameters": {"id": "b"}}, "outputs": [{"id": "c"}]}
        ],
    }

    found = texts_asked(Request(body, family="cohere"))

    assert {"who is it", "Ann", "of May", "b", "c"} <= {*found}
