import json
from typing import Any

import orjson
import pytest

from batchwright.completion import Completion
from batchwright.dialects.converse import Converse
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.usage import Usage
from tests.fakes import NOON
from tests.laptop import converse_line

CONVERSE = Converse()


def read(line: dict[str, Any]) -> Record:
    return CONVERSE.read(Line(3, 0, 0, json.dumps(line).encode()))


def written(line: dict[str, Any]) -> Any:
    return json.loads(orjson.dumps(line))


def test_a_converse_line_is_asked_as_it_is() -> None:
    line = converse_line(
        "req-1",
        "hello",
        system=[{"text": "You label tickets."}],
        inferenceConfig={"maxTokens": 200, "temperature": 0, "stopSequences": ["x"]},
        additionalModelRequestFields={"top_k": 5},
    )

    record = read(line)

    assert record.record_id == "req-1"
    assert record.model is None
    assert CONVERSE.request(record).body == line["modelInput"]
    assert json.loads(bytes(record.shape)) == line["modelInput"]


def test_a_line_without_an_id_is_known_by_its_number() -> None:
    line = converse_line("x", "hello")
    del line["recordId"]

    assert read(line).record_id == "line-3"


@pytest.mark.parametrize(
    ("model_input", "param"),
    [
        ({"messages": []}, "modelInput.messages"),
        ({"messages": [{"role": "user", "content": []}]}, "modelInput.messages[0].content"),
        ({"stream": True}, "modelInput.stream"),
        ({"system": [{"text": True}]}, "modelInput.system[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"text": None}]}]},
            "modelInput.messages[0].content[0].text",
        ),
        ({"inferenceConfig": {"maxTokens": 2**64}}, "modelInput.inferenceConfig.maxTokens"),
        ({"inferenceConfig": {"maxTokens": 0}}, "modelInput.inferenceConfig.maxTokens"),
        ({"inferenceConfig": {"topK": 1}}, "modelInput.inferenceConfig.topK"),
        (
            {"messages": [{"role": "user", "content": [{"text": " "}]}]},
            "modelInput.messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"text": "x"}]}]},
            "modelInput.messages",
        ),
    ],
)
def test_what_converse_does_not_take_is_refused_by_name(
    model_input: dict[str, Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(converse_line("req-1", "hello", **model_input))

    assert (caught.value.code, caught.value.param) == ("invalid_request", param)


@pytest.mark.parametrize(
    ("model_input", "speaks"),
    [
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, True),
        ({"messages": [], "inferenceConfig": {}}, True),
        ({"messages": [], "inferenceConfig": 5}, True),
        ({"messages": [], "inferenceConfig": {"max_new_tokens": 9}}, False),
        ({"messages": [], "inferenceConfig": {"maxTokens": 9, "topK": 5}}, False),
        ({"messages": [], "inferenceConfig": {"reasoningConfig": {}}}, False),
        ({"messages": [], "inferenceConfig": {}, "reasoningConfig": {}}, False),
        ({"anthropic_version": "bedrock-2023-05-31", "messages": []}, False),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, False),
        ({"inputText": "x"}, False),
        ({"messages": [{"role": "user", "content": "x"}]}, False),
        ("text", False),
        ({"messages": 5}, False),
    ],
)
def test_converse_is_told_from_native_bodies(model_input: object, speaks: bool) -> None:
    assert Converse.speaks({"modelInput": model_input}) is speaks


def test_an_answer_has_the_shape_of_batch_inference() -> None:
    completion = Completion(
        content=[{"text": "hi"}],
        stop_reason="end_turn",
        usage=Usage(input_tokens=2, output_tokens=1),
        latency_ms=5,
    )

    line = CONVERSE.answer(
        read(converse_line("req-1", "hello")), completion, Answered(key="k", model="m", at=NOON)
    )

    assert written(line) == {
        "recordId": "req-1",
        "modelInput": converse_line("req-1", "hello")["modelInput"],
        "modelOutput": {
            "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 2, "outputTokens": 1, "totalTokens": 3},
            "metrics": {"latencyMs": 5},
        },
    }


@pytest.mark.parametrize(("code", "status"), [("invalid_request", 400), ("unavailable", 503)])
def test_a_failure_has_the_shape_of_batch_inference(code: str, status: int) -> None:
    record = read(converse_line("req-1", "hello"))
    unanswered = Unanswered(
        code=code,
        message="told",
        line=3,
        param=None,
        key="k",
        model="m",
        at=NOON,
    )

    assert written(CONVERSE.failure("req-1", record, None, unanswered)) == {
        "recordId": "req-1",
        "modelInput": json.loads(bytes(record.shape)),
        "error": {"errorCode": status, "errorMessage": f"{code}: told (line 3)"},
    }
