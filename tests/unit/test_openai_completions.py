import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from openai.types import Completion as TextCompletion

from batchwright.dialects.openai_completions import OpenAICompletions
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.record import Record
from tests.odd import broken, odd
from tests.openai_types import ANSWERED, body_of, completion, line_for, reads_as, sample, unanswered

COMPLETIONS = OpenAICompletions()
URL = "/v1/completions"
SLOGAN = {"text": "Wake up softly."}


def line_of(**body: Any) -> dict[str, Any]:
    asked = {"model": "gpt-3.5-turbo-instruct", "prompt": "Say this is a test"}
    return line_for(URL, asked | body)


def read(line: dict[str, Any]) -> Record:
    return COMPLETIONS.read(Line(7, 0, 0, json.dumps(line).encode()))


def test_the_documented_example_is_asked_as_one_turn_of_the_user() -> None:
    record = read(line_of(max_tokens=7, temperature=0))

    assert (record.record_id, record.model) == ("req-1", "gpt-3.5-turbo-instruct")
    assert (record.max_tokens, record.input_tokens, record.embeds) == (7, 5, False)
    request = COMPLETIONS.request(record)
    assert request.family is None
    assert request.body == {
        "messages": [{"role": "user", "content": [{"text": "Say this is a test"}]}],
        "inferenceConfig": {"maxTokens": 7, "temperature": 0},
    }


def test_what_a_line_does_not_say_is_left_to_the_contract() -> None:
    record = read(line_of())

    assert record.max_tokens is None
    assert COMPLETIONS.request(record).body["inferenceConfig"] == {}


@pytest.mark.parametrize(
    ("body", "inference"),
    [
        ({"prompt": ["Say this is a test"]}, {}),
        ({"top_p": 0.5}, {"topP": 0.5}),
        ({"stop": "END"}, {"stopSequences": ["END"]}),
        ({"stop": ["END", "\n"]}, {"stopSequences": ["END", "\n"]}),
        ({"stop": []}, {}),
        ({"n": 1, "best_of": 1, "echo": False, "stream": False}, {}),
        ({"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}}, {}),
        ({"logprobs": None, "seed": None, "suffix": None, "stream_options": None}, {}),
        ({"user": "u", "max_tokens": None, "temperature": None}, {}),
    ],
)
def test_a_parameter_that_can_be_honoured_is_taken(
    body: dict[str, Any], inference: dict[str, Any]
) -> None:
    asked = COMPLETIONS.request(read(line_of(**body))).body

    assert asked["messages"] == [{"role": "user", "content": [{"text": "Say this is a test"}]}]
    assert asked["inferenceConfig"] == inference


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": None}, "body.prompt"),
        ({"prompt": ""}, "body.prompt"),
        ({"prompt": [" \n"]}, "body.prompt"),
        ({"prompt": []}, "body.prompt"),
        ({"prompt": ["one", "two"]}, "body.prompt"),
        ({"prompt": [1212, 318]}, "body.prompt[0]"),
        ({"prompt": [[1212, 318]]}, "body.prompt[0]"),
        ({"model": ""}, "body.model"),
        ({"max_tokens": 0}, "body.max_tokens"),
        ({"temperature": 1.5}, "body.temperature"),
        ({"top_p": 2}, "body.top_p"),
        ({"stop": ""}, "body.stop"),
        ({"stop": ["x", ""]}, "body.stop[1]"),
        ({"n": 2}, "body.n"),
        ({"best_of": 3}, "body.best_of"),
        ({"echo": True}, "body.echo"),
        ({"stream": True}, "body.stream"),
        ({"stream_options": {"include_usage": True}}, "body.stream_options"),
        ({"suffix": "the end"}, "body.suffix"),
        ({"logprobs": 2}, "body.logprobs"),
        ({"logit_bias": {"50256": -100}}, "body.logit_bias"),
        ({"seed": 7}, "body.seed"),
        ({"frequency_penalty": 0.5}, "body.frequency_penalty"),
        ({"presence_penalty": -1}, "body.presence_penalty"),
        ({"messages": []}, "body.messages"),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused_by_name(
    body: dict[str, Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line_of(**body))

    assert (caught.value.code, caught.value.param) == ("invalid_request", param)
    assert param in str(caught.value)
    assert caught.value.record_id == "req-1"


def test_a_line_of_another_endpoint_is_refused() -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line_of() | {"url": "/v1/chat/completions"})

    assert (caught.value.code, caught.value.param) == ("url_mismatch", "url")


@pytest.mark.parametrize(("url", "speaks"), [(URL, True), ("/v1/chat/completions", False)])
def test_a_line_for_completions_is_told_by_its_url(url: str, speaks: bool) -> None:
    assert OpenAICompletions.speaks(line_of() | {"url": url}) is speaks


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": {"canary": 1}},
        {"prompt": [["canary"]]},
        {"stop": {"canary": 1}},
        {"suffix": "canary"},
        {"n": "canary"},
        {"logit_bias": {"canary": 1}},
    ],
)
def test_no_error_quotes_the_record(body: dict[str, Any]) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line_of(**body))

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"), [("end_turn", "stop"), ("stop_sequence", "stop")]
)
def test_an_answer_reads_with_openais_own_type(stop_reason: str, finish_reason: str) -> None:
    answer = completion(SLOGAN, stop_reason=stop_reason)

    line = COMPLETIONS.answer(read(line_of()), answer, ANSWERED)

    told = reads_as(TextCompletion, body_of(line))
    assert told.id == "cmpl-0123456789abcdef01234567"
    assert told.model == "us.amazon.nova-lite-v1:0"
    assert [choice.text for choice in told.choices] == ["Wake up softly."]
    assert told.choices[0].finish_reason == finish_reason
    assert told.usage is not None
    assert told.usage.total_tokens == 31


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("invalid_request", "invalid_request"),
        ("timed_out", "timed_out"),
        ("content_filtered", "content_filtered"),
        ("deadline", "batch_expired"),
        ("cancelled", "batch_cancelled"),
    ],
)
def test_a_failure_has_the_shape_of_openais_error_file(code: str, told: str) -> None:
    line = COMPLETIONS.failure("req-1", None, None, unanswered(code, "body.n"))

    assert line == {
        "id": "batch_req_0123456789abcdef01234567",
        "custom_id": "req-1",
        "response": None,
        "error": {"code": told, "message": "told", "param": "body.n", "line": 7},
    }


def test_a_cut_answer_goes_with_its_failure() -> None:
    cut = completion(SLOGAN, stop_reason="max_tokens")

    line = COMPLETIONS.failure("req-1", read(line_of()), cut, unanswered("truncated"))

    told = reads_as(TextCompletion, body_of(line))
    assert (told.choices[0].text, told.choices[0].finish_reason) == ("Wake up softly.", "length")


RICH = line_of(
    prompt=["Say this"],
    max_tokens=5,
    temperature=0.5,
    top_p=1,
    stop=["x"],
    n=1,
    best_of=1,
    echo=False,
    stream=False,
    logit_bias={},
    frequency_penalty=0,
    user="u",
)


def asked_or_refused(content: bytes) -> None:
    try:
        record = COMPLETIONS.read(Line(7, 0, 0, content))
    except RecordInvalid:
        return
    assert orjson.dumps(COMPLETIONS.request(record).body)
    assert orjson.dumps(COMPLETIONS.answer(record, completion(SLOGAN), ANSWERED))


@given(line=odd(RICH))
def test_whatever_is_odd_about_a_line_is_told_or_can_be_asked(line: dict[str, Any]) -> None:
    asked_or_refused(json.dumps(line).encode())


@given(content=broken(json.dumps(RICH).encode()))
def test_whatever_bytes_a_line_holds_it_is_told_or_can_be_asked(content: bytes) -> None:
    asked_or_refused(content)


def test_the_sample_can_be_asked_line_by_line() -> None:
    found = sample("slogans.openai_completions.jsonl")

    assert all(COMPLETIONS.speaks(orjson.loads(line.content or b"")) for line in found)
    asked_for = [COMPLETIONS.request(COMPLETIONS.read(line)).body for line in found]
    assert len(asked_for) == 7
