"""What containers of endpoints are asked and answer, in each shape."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.bodies import body_of, completion_of
from batchwright.completion import Completion
from batchwright.container import Container
from batchwright.contractfile import read_contract
from batchwright.dialects.openai_chat import OpenAIChat
from batchwright.errors import ContractInvalid, MalformedCompletion, RecordInvalid
from batchwright.lines import Line
from batchwright.request import Request
from batchwright.schema import structured_output
from batchwright.usage import Usage
from tests.canary import CANARY

SCHEMA = '{"properties":{"a":{"type":"string"}},"type":"object"}'
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}
OWN = Container(
    jinja='{"q": {{ prompt | tojson }}, "n": {{ max_tokens }}, "t": {{ temperature | tojson }}}',
    answer="/outputs/0/text",
)


def shape(name: str) -> Container:
    return Container.model_validate(name)


def own(value: str) -> Container:
    return Container(jinja=f'{{"q": {value}}}', answer="/a")


def ask(text: str = "hello", **body: Any) -> Request:
    return Request({"messages": [{"role": "user", "content": [{"text": text}]}], **body})


def written(container: Container, request: Request, model: str | None = None) -> dict[str, Any]:
    return body_of(container).written(request, model)


def read(container: Container, answer: Any, request: Request | None = None) -> Completion:
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    body = body_of(container)
    return completion_of(body, content, request or ask(), latency_ms=7, request_id="call-1")


def line(body: dict[str, Any]) -> Request:
    """Return a line of OpenAI's batch file as the Converse request that it becomes."""
    fields = {
        "custom_id": "r",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt", **body},
    }
    dialect = OpenAIChat()
    content = json.dumps(fields).encode()
    return dialect.request(dialect.read(Line(number=1, start=0, end=len(content), content=content)))


CONVERSATIONS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "hello"}]},
    {
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
        ],
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["x", "y"],
    },
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}},
                ],
            }
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "And in Rome?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "mild"},
            {"role": "user", "content": "Thank you."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "Tells it.",
                    "parameters": WEATHER,
                    "strict": True,
                },
            }
        ],
        "tool_choice": "required",
    },
    {
        "messages": [{"role": "user", "content": "hello"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": True,
                "schema": json.loads(SCHEMA),
            },
        },
    },
]


@pytest.mark.parametrize("body", CONVERSATIONS)
def test_what_stood_in_openais_file_comes_to_the_container_as_it_stood_there(
    body: dict[str, Any],
) -> None:
    assert written(shape("openai"), line(body), model="gpt") == {"model": "gpt", **body}


def test_a_container_that_was_named_no_model_is_told_none() -> None:
    assert "model" not in written(shape("openai"), ask())


def test_marks_for_caches_are_left_out_and_guarded_texts_are_texts() -> None:
    blocks = [
        {"guardContent": {"text": {"text": "one"}}},
        {"cachePoint": {"type": "default"}},
        {"text": "two"},
    ]
    request = Request({"messages": [{"role": "user", "content": blocks}], "system": [*blocks]})

    assert written(shape("openai"), request)["messages"] == [
        {"role": "system", "content": "one\ntwo"},
        {"role": "user", "content": "one\ntwo"},
    ]
    assert written(shape("tgi"), request)["inputs"] == "one\ntwo\n\none\ntwo"


def test_openais_answer_is_read_as_bedrocks_of_the_same_words_is() -> None:
    answer = {
        "id": "x",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "hello",
                    "reasoning_content": None,
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                        }
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }

    found = read(shape("openai"), answer)

    assert found.content == [
        {"text": "hello"},
        {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Rome"}}},
    ]
    assert found.stop_reason == "tool_use"
    assert found.usage == Usage(input_tokens=3, output_tokens=4)
    assert (found.estimated, found.latency_ms, found.request_id) == (False, 7, "call-1")


def test_tokens_that_a_container_of_openais_shape_does_not_count_are_estimated() -> None:
    choice = {"message": {"content": "eight by"}, "finish_reason": "stop"}

    found = read(shape("openai"), {"choices": [choice]}, ask("four"))

    assert found.usage == Usage(input_tokens=1, output_tokens=2)
    assert found.estimated


GENERATED = {
    "generated_text": "hello",
    "details": {"finish_reason": "length", "generated_tokens": 2, "tokens": [{"id": 1}]},
}


@pytest.mark.parametrize("name", ["tgi", "djl"])
@pytest.mark.parametrize("answer", [GENERATED, [GENERATED]])
def test_a_generated_text_counts_what_was_written_and_what_was_read_is_estimated(
    name: str, answer: Any
) -> None:
    found = read(shape(name), answer, ask("eight by"))

    assert (found.text, found.stop_reason) == ("hello", "max_tokens")
    assert found.usage == Usage(input_tokens=2, output_tokens=2)
    assert found.estimated


@pytest.mark.parametrize(
    ("reason", "ending"),
    [("eos_token", "end_turn"), ("stop_sequence", "stop_sequence"), ("error", "error")],
)
def test_why_a_text_ended_is_told_in_converses_words(reason: str, ending: str) -> None:
    answer = {"generated_text": "x", "details": {"finish_reason": reason, "generated_tokens": 1}}

    assert read(shape("tgi"), answer).stop_reason == ending


def test_a_prompt_has_the_parameters_that_each_container_knows() -> None:
    request = ask(
        system=[{"text": "Be short."}],
        inferenceConfig={
            "maxTokens": 5,
            "temperature": 0.5,
            "topP": 0.9,
            "stopSequences": ["x"],
        },
        outputConfig=structured_output(SCHEMA, "answer"),
        additionalModelRequestFields={"top_k": 3},
    )

    assert written(shape("tgi"), request) == {
        "inputs": "Be short.\n\nhello",
        "parameters": {
            "top_k": 3,
            "max_new_tokens": 5,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["x"],
            "do_sample": True,
            "return_full_text": False,
            "details": True,
            "grammar": {"type": "json", "value": json.loads(SCHEMA)},
        },
    }
    del request.body["outputConfig"]
    parameters = written(shape("djl"), request)["parameters"]
    assert parameters["stop_sequences"] == ["x"]
    assert "stop" not in parameters


@pytest.mark.parametrize("said", [{}, {"temperature": 0}, {"temperature": 0, "topP": 0.5}])
def test_without_any_chance_nothing_is_drawn(said: dict[str, float]) -> None:
    parameters = written(shape("tgi"), ask(inferenceConfig=said))["parameters"]

    assert parameters["do_sample"] is False
    assert parameters.keys().isdisjoint({"temperature", "top_p"})


def test_a_template_has_the_requests_parts_and_its_answer_is_found_where_it_says() -> None:
    said = {"maxTokens": 5}

    assert written(OWN, ask('a "quoted" <text>', inferenceConfig=said)) == {
        "q": 'a "quoted" <text>',
        "n": 5,
        "t": None,
    }
    found = read(OWN, {"outputs": [{"text": "eight by"}]}, ask("four"))
    assert (found.text, found.stop_reason, found.estimated) == ("eight by", "end_turn", True)
    assert found.usage == Usage(input_tokens=1, output_tokens=2)


@given(text=st.text(min_size=1))
def test_no_text_can_break_out_of_a_template(text: str) -> None:
    said = {"maxTokens": 1}

    assert written(OWN, ask(text, inferenceConfig=said)) == {"q": text, "n": 1, "t": None}


TURNS = {
    "messages": [
        {"role": "user", "content": [{"text": CANARY}]},
        {"role": "assistant", "content": [{"text": "yes"}]},
        {"role": "user", "content": [{"text": "go on"}]},
    ]
}
PICTURE = [{"image": {"format": "png", "source": {"bytes": "aGVsbG8="}}}]
PAPER = [
    {"text": CANARY},
    {"document": {"format": "pdf", "name": "a", "source": {"bytes": "aGVsbG8="}}},
]
TOOLS = {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]}


@pytest.mark.parametrize(
    ("container", "body", "param"),
    [
        (
            shape("tgi"),
            {"messages": [{"role": "user", "content": PAPER}]},
            "messages[0].content",
        ),
        (shape("tgi"), {"messages": [{"role": "user", "content": PICTURE}]}, "messages[0].content"),
        (shape("tgi"), TURNS, "messages"),
        (OWN, TURNS, "messages"),
        (shape("djl"), ask(outputConfig=structured_output(SCHEMA, "a")).body, "outputConfig"),
        (shape("tgi"), ask(toolConfig=TOOLS).body, "toolConfig"),
        (shape("openai"), ask(guardrailConfig={}).body, "guardrailConfig"),
        (shape("tgi"), ask(outputConfig={"textFormat": {}}).body, "outputConfig"),
        (shape("openai"), ask(outputConfig={"textFormat": {}}).body, "outputConfig.textFormat"),
        (
            Container(jinja="{{ prompt }}", answer="/a"),
            ask(CANARY).body,
            "body.jinja",
        ),
        (Container(jinja="[{{ prompt | tojson }}]", answer="/a"), ask(CANARY).body, "body.jinja"),
        (Container(jinja="{{ prompt + 1 }}", answer="/a"), ask(CANARY).body, "body.jinja"),
        (own("{{ messages | tojson }}"), ask(system=[{"text": CANARY}]).body, "system"),
        (OWN, ask(outputConfig=structured_output(SCHEMA, "a")).body, "outputConfig"),
        (
            OWN,
            ask(inferenceConfig={"stopSequences": [CANARY]}).body,
            "inferenceConfig.stopSequences",
        ),
        (OWN, ask(inferenceConfig={"topP": 0.5}).body, "inferenceConfig.topP"),
        (
            own("{{ prompt | tojson }}"),
            ask(inferenceConfig={"temperature": 0}).body,
            "inferenceConfig.temperature",
        ),
        (
            own("[{{ prompt | tojson }}, {{ messages | tojson }}]"),
            ask(additionalModelRequestFields={"top_k": 3}).body,
            "additionalModelRequestFields",
        ),
        (own("{{ messages[-1].content | tojson }}"), TURNS, "messages"),
        (own("{{ (messages | last).content | tojson }}"), TURNS, "messages"),
        (own("[{{ messages[0] | tojson }}, {{ messages[-1] | tojson }}]"), TURNS, "messages"),
        (own("5"), ask(CANARY).body, "messages"),
    ],
)
def test_what_a_container_cannot_honour_is_refused_by_its_place_and_never_dropped(
    container: Container, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        written(container, Request(body))

    assert caught.value.code == "invalid_request"
    assert caught.value.param == param
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("jinja", "turns"),
    [
        ("{{ messages[0].content | tojson }}", 1),
        ("{{ (messages | last).content | tojson }}", 1),
        ("[{{ messages[0] | tojson }}, {{ messages[-1] | tojson }}]", 2),
        ("[{{ messages[-2:] | tojson }}, {{ messages | length }}]", 3),
        ("{{ messages | tojson }}", 3),
        ("[{% for turn in messages %}{{ turn.content | tojson }},{% endfor %}{{ max_tokens }}]", 3),
    ],
)
def test_a_template_is_asked_what_it_names_all_turns_of(jinja: str, turns: int) -> None:
    request = Request({"messages": TURNS["messages"][:turns], "inferenceConfig": {"maxTokens": 5}})

    assert written(own(jinja), request)["q"]


@pytest.mark.parametrize("container", [shape("openai"), shape("tgi"), shape("djl"), OWN])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>" + CANARY.encode(),
        b"[" * 100_000,
        [],
        {},
        "text",
        {"choices": []},
        {"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]},
        {"generated_text": CANARY},
        [GENERATED, GENERATED],
        {"outputs": "text"},
        {"outputs": [{"text": 5}]},
        {"outputs": {"0": {}}},
    ],
)
def test_what_is_no_answer_is_malformed_and_not_repeated(container: Container, answer: Any) -> None:
    with pytest.raises(MalformedCompletion) as caught:
        read(container, answer)

    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("jinja", "told"),
    [
        ("{% if %}", "routes.0.body.jinja: line 1"),
        ('{"a": {{ text }}}', "routes.0.body.jinja: a request has no 'text'; it can use"),
        ("{{ prompt | guarded }}", "routes.0.body.jinja: guarded is for prompt.user"),
    ],
)
def test_a_faulty_template_of_a_body_is_told_when_the_contract_is_read(
    jinja: str, told: str
) -> None:
    body = json.dumps({"jinja": jinja, "answer": "/a"})
    text = f"name: own\nroutes: [{{engine: sagemaker, endpoint: e, body: {body}}}]"

    with pytest.raises(ContractInvalid) as caught:
        read_contract(text.encode(), name="own")

    assert told in str(caught.value)
