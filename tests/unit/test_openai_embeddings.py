import base64
import json
import struct
from typing import Any

import orjson
import pytest
from hypothesis import given
from openai.types import CreateEmbeddingResponse

from batchwright.dialects.openai_embeddings import OpenAIEmbeddings
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.record import Record
from tests.odd import broken, odd
from tests.openai_types import ANSWERED, body_of, completion, line_for, reads_as, sample, unanswered

EMBEDDINGS = OpenAIEmbeddings()
URL = "/v1/embeddings"
VECTORS = [[0.25, -0.5, 1.0], [0.0, 2.0, -1.5]]


def line_of(**body: Any) -> dict[str, Any]:
    asked = {
        "model": "text-embedding-3-small",
        "input": "The food was delicious and the waiter was friendly.",
    }
    return line_for(URL, asked | body)


def read(line: dict[str, Any]) -> Record:
    return EMBEDDINGS.read(Line(7, 0, 0, json.dumps(line).encode()))


def test_the_documented_example_is_asked_for_its_vector() -> None:
    record = read(line_of(encoding_format="float"))

    assert (record.record_id, record.model) == ("req-1", "text-embedding-3-small")
    assert (record.embeds, record.family, record.max_tokens) == (True, None, None)
    assert record.input_tokens == 13
    request = EMBEDDINGS.request(record)
    assert request.family == "embedding"
    assert request.body == {"texts": ["The food was delicious and the waiter was friendly."]}


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"input": "one"}, {"texts": ["one"]}),
        ({"input": ["one", "two"]}, {"texts": ["one", "two"]}),
        ({"input": ["x"] * 2048}, {"texts": ["x"] * 2048}),
        ({"input": "one", "dimensions": 256}, {"texts": ["one"], "dimensions": 256}),
        ({"input": "one", "dimensions": None}, {"texts": ["one"]}),
        ({"input": "one", "encoding_format": "base64", "user": "u"}, {"texts": ["one"]}),
    ],
)
def test_a_parameter_that_can_be_honoured_is_taken(
    body: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert EMBEDDINGS.request(read(line_of(**body))).body == asked


def test_all_texts_of_a_line_are_estimated() -> None:
    assert read(line_of(input=["12345678", "1234"])).input_tokens == 3


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": None}, "body.input"),
        ({"input": ""}, "body.input"),
        ({"input": "\t"}, "body.input"),
        ({"input": []}, "body.input"),
        ({"input": ["one", " "]}, "body.input[1]"),
        ({"input": ["x"] * 2049}, "body.input"),
        ({"input": [1212, 318]}, "body.input[0]"),
        ({"input": [[1212, 318]]}, "body.input[0]"),
        ({"model": ""}, "body.model"),
        ({"dimensions": 0}, "body.dimensions"),
        ({"dimensions": "256"}, "body.dimensions"),
        ({"encoding_format": "binary"}, "body.encoding_format"),
        ({"max_tokens": 5}, "body.max_tokens"),
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
        read(line_of() | {"url": "/v1/responses"})

    assert (caught.value.code, caught.value.param) == ("url_mismatch", "url")


@pytest.mark.parametrize(("url", "speaks"), [(URL, True), ("/v1/completions", False)])
def test_a_line_for_embeddings_is_told_by_its_url(url: str, speaks: bool) -> None:
    assert OpenAIEmbeddings.speaks(line_of() | {"url": url}) is speaks


@pytest.mark.parametrize(
    "body",
    [
        {"input": {"canary": 1}},
        {"input": [["canary"]]},
        {"encoding_format": "canary"},
        {"dimensions": "canary"},
    ],
)
def test_no_error_quotes_the_record(body: dict[str, Any]) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line_of(**body))

    assert "canary" not in str(caught.value)


def test_an_answer_reads_with_openais_own_type() -> None:
    record = read(line_of(input=["one", "two"]))

    line = EMBEDDINGS.answer(record, completion(vectors=VECTORS), ANSWERED)

    told = reads_as(CreateEmbeddingResponse, body_of(line))
    assert [each.embedding for each in told.data] == VECTORS
    assert [each.index for each in told.data] == [0, 1]
    assert told.model == "us.amazon.nova-lite-v1:0"
    assert (told.usage.prompt_tokens, told.usage.total_tokens) == (22, 22)


def test_a_vector_in_base64_is_packed_as_openai_packs_it() -> None:
    record = read(line_of(input=["one", "two"], encoding_format="base64"))

    body = body_of(EMBEDDINGS.answer(record, completion(vectors=VECTORS), ANSWERED))

    # The openai package reads it so: resources/embeddings.py.
    packed = [base64.b64decode(each["embedding"]) for each in body["data"]]
    assert [list(struct.unpack("<3f", each)) for each in packed] == VECTORS
    for each, vector in zip(body["data"], VECTORS, strict=True):
        each["embedding"] = vector
    reads_as(CreateEmbeddingResponse, body)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("invalid_request", "invalid_request"),
        ("timed_out", "timed_out"),
        ("content_filtered", "content_filtered"),
        ("truncated", "truncated"),
        ("deadline", "batch_expired"),
        ("cancelled", "batch_cancelled"),
    ],
)
def test_a_failure_has_the_shape_of_openais_error_file(code: str, told: str) -> None:
    line = EMBEDDINGS.failure("req-1", read(line_of()), None, unanswered(code, "body.input"))

    assert line == {
        "id": "batch_req_0123456789abcdef01234567",
        "custom_id": "req-1",
        "response": None,
        "error": {"code": told, "message": "told", "param": "body.input", "line": 7},
    }


RICH = line_of(input=["one", "two"], dimensions=256, encoding_format="base64", user="u")


def asked_or_refused(content: bytes) -> None:
    try:
        record = EMBEDDINGS.read(Line(7, 0, 0, content))
    except RecordInvalid:
        return
    assert orjson.dumps(EMBEDDINGS.request(record).body)
    assert orjson.dumps(EMBEDDINGS.answer(record, completion(vectors=VECTORS), ANSWERED))


@given(line=odd(RICH))
def test_whatever_is_odd_about_a_line_is_told_or_can_be_asked(line: dict[str, Any]) -> None:
    asked_or_refused(json.dumps(line).encode())


@given(content=broken(json.dumps(RICH).encode()))
def test_whatever_bytes_a_line_holds_it_is_told_or_can_be_asked(content: bytes) -> None:
    asked_or_refused(content)


def test_the_sample_can_be_asked_line_by_line() -> None:
    found = sample("products.openai_embeddings.jsonl")

    assert all(EMBEDDINGS.speaks(orjson.loads(line.content or b"")) for line in found)
    asked_for = [EMBEDDINGS.request(EMBEDDINGS.read(line)).body for line in found]
    assert len(asked_for) == 8
