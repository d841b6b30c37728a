"""Converse requests as chat completions: word for word where there is a word, refused by name where there is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from batchwright.chatbody import chat_body
from batchwright.dialects.openai_chat import OpenAIChat
from batchwright.errors import RecordInvalid
from batchwright.lines import lines
from batchwright.request import Request
from batchwright.schema import structured_output
from tests.canary import CANARY
from tests.openai_types import PIXEL, line_for

PARAMS = TypeAdapter(CompletionCreateParamsNonStreaming)
SCHEMA = '{"properties":{"a":{"type":"string"}},"type":"object"}'
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
}
TEXTS = st.text(min_size=1, max_size=20).filter(lambda text: not text.isspace())


def body(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    asked = Request({"messages": [{"role": "user", "content": [*blocks]}], **more})
    return chat_body(asked, "qwen")


def by_file(**said: Any) -> dict[str, Any]:
    """What a server is asked for a line of a file that says this."""
    dialect = OpenAIChat()
    written = json.dumps(line_for("/v1/chat/completions", {"model": "gpt-4o", **said}))
    (line,) = lines([written.encode()])
    return chat_body(dialect.request(dialect.read(line)), "qwen")


def test_what_a_file_says_arrives_as_it_was_written() -> None:
    said = {
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "How is Oslo?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "wet"},
            {"role": "assistant", "content": "Wet."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "And here?"},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ],
            },
        ],
        "max_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    }

    assert by_file(**said) == {**said, "model": "qwen"}


@pytest.mark.parametrize(
    ("choice", "sent"), [("auto", None), (None, None), ("required", "required")]
)
def test_a_choice_of_tools_arrives(choice: str | None, sent: str | None) -> None:
    messages = [{"role": "user", "content": "hi"}]

    asked = by_file(messages=messages, tools=[WEATHER], tool_choice=choice)

    assert asked.get("tool_choice") == sent
    assert asked["tools"] == [WEATHER]


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4), TEXTS, st.none() | TEXTS)
def test_a_conversation_comes_through_whole(
    turns: list[tuple[str, str]], last: str, system: str | None
) -> None:
    messages = [] if system is None else [{"role": "system", "content": system}]
    for asked, answered in turns:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    messages.append({"role": "user", "content": last})

    assert by_file(messages=messages)["messages"] == messages


def test_a_schema_is_asked_for_by_its_name() -> None:
    asked = body({"text": "hi"}, outputConfig=structured_output(SCHEMA, "thing"))

    held = {"name": "thing", "schema": json.loads(SCHEMA), "strict": True}
    assert asked["response_format"] == {"type": "json_schema", "json_schema": held}


def test_what_a_schema_is_for_is_told() -> None:
    wanted = structured_output(SCHEMA, "thing", "What it is about.")

    held = body({"text": "hi"}, outputConfig=wanted)["response_format"]["json_schema"]

    assert held["description"] == "What it is about."


def test_what_is_asked_is_what_openais_own_client_sends() -> None:
    asked = body(
        {"text": "hi"},
        {"document": {"format": "pdf", "name": "d", "source": {"bytes": "aGk="}}},
        system=[{"text": "a"}, {"text": "b"}],
        inferenceConfig={"maxTokens": 5, "stopSequences": []},
        outputConfig=structured_output(SCHEMA, "thing"),
    )

    PARAMS.validate_python(asked)
    assert "stop" not in asked
    assert asked["messages"][0] == {"role": "system", "content": "a\nb"}
    assert asked["messages"][1]["content"][1] == {
        "type": "file",
        "file": {"filename": "d", "file_data": "data:application/pdf;base64,aGk="},
    }


def test_several_texts_are_one_for_servers_that_know_no_parts() -> None:
    assert body({"text": "a"}, {"text": "b"})["messages"] == [{"role": "user", "content": "a\nb"}]


def test_what_the_model_is_handed_besides_goes_on_as_it_is() -> None:
    assert body({"text": "hi"}, additionalModelRequestFields={"top_k": 5})["top_k"] == 5


def test_answers_of_tools_stand_right_behind_what_called_them() -> None:
    asked = body(
        {"text": "and?"},
        {"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}, {"text": "b"}]}},
    )

    assert asked["messages"] == [
        {"role": "tool", "tool_call_id": "t", "content": '{"a":1}\nb'},
        {"role": "user", "content": "and?"},
    ]


def test_marks_and_old_thoughts_change_no_answer_and_stay_behind() -> None:
    mark = {"cachePoint": {"type": "default"}}
    thought = {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    asked = chat_body(
        Request(
            {
                "messages": [
                    {"role": "user", "content": [{"text": "hi"}, mark]},
                    {"role": "assistant", "content": [thought, {"text": "yes"}]},
                    {"role": "user", "content": [{"text": "go on"}]},
                ],
                "system": [{"text": "Be short."}, mark],
                "toolConfig": {"tools": [mark]},
            }
        ),
        None,
    )

    assert asked == {
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "yes"},
            {"role": "user", "content": "go on"},
        ]
    }


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"guardrailConfig": {}}, "guardrailConfig"),
        ({"performanceConfig": {}}, "performanceConfig"),
        ({"outputConfig": {"effort": "low"}}, "outputConfig.effort"),
        ({"additionalModelRequestFields": {"n": 5}}, "additionalModelRequestFields.n"),
        ({"additionalModelRequestFields": {"model": "m"}}, "additionalModelRequestFields.model"),
        ({"system": [{"image": CANARY}]}, "system.image"),
    ],
)
def test_what_there_is_no_word_for_is_refused_by_name(more: dict[str, Any], param: str) -> None:
    with pytest.raises(RecordInvalid) as caught:
        body({"text": CANARY}, **more)

    assert caught.value.param == param
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"video": {"source": CANARY}}, "messages.video"),
        ({"image": {"format": "tiff", "source": {"bytes": CANARY}}}, "messages.image"),
        ({"image": {"format": "png", "source": {"s3Location": {}}}}, "messages.image"),
        (
            {"toolResult": {"toolUseId": "t", "content": [], "status": "error"}},
            "toolResult.status",
        ),
        ({"toolResult": {"toolUseId": "t", "content": [{"image": CANARY}]}}, "toolResult.image"),
    ],
)
def test_a_block_that_it_does_not_take_is_refused_by_name(
    block: dict[str, Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        body(block)

    assert caught.value.param == param
    assert CANARY not in str(caught.value)


def test_a_native_body_is_not_asked() -> None:
    with pytest.raises(RecordInvalid):
        chat_body(Request({"inputText": "hi"}, "titan_text"), "qwen")
