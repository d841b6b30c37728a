"""The embedding models: vectors that depend on the text alone, and what is billed for them."""

import json
from math import hypot, isclose
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.host.running import RunningHost

TITAN_1 = "amazon.titan-embed-text-v1"
TITAN_2 = "amazon.titan-embed-text-v2:0"
ENGLISH = "cohere.embed-english-v3"
COHERE_4 = "us.cohere.embed-v4:0"
DOCUMENT = "search_document"


def invoke(bedrock: Any, model: str, **body: Any) -> dict[str, Any]:
    answer = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    told: dict[str, Any] = json.loads(answer["body"].read())
    return told


def test_titan_1_answers_with_a_vector_and_the_tokens_read(bedrock: Any) -> None:
    told = invoke(bedrock, TITAN_1, inputText="0123456789")

    assert told.keys() == {"embedding", "inputTextTokenCount"}
    assert len(told["embedding"]) == 1536
    assert isclose(hypot(*told["embedding"]), 1)
    assert told["inputTextTokenCount"] == 3


def test_the_same_text_has_the_same_vector_and_another_text_another(bedrock: Any) -> None:
    one, same, other = (
        invoke(bedrock, TITAN_2, inputText=text)["embedding"] for text in ("a", "a", "b")
    )

    assert one == same
    assert one != other


@pytest.mark.parametrize("dimensions", [256, 512, 1024])
def test_titan_2_gives_the_dimensions_and_types_asked_for(bedrock: Any, dimensions: int) -> None:
    told = invoke(
        bedrock,
        TITAN_2,
        inputText="hello",
        dimensions=dimensions,
        normalize=True,
        embeddingTypes=["binary", "float"],
    )

    assert len(told["embedding"]) == dimensions
    assert isclose(hypot(*told["embedding"]), 1)
    assert told["embeddingsByType"]["float"] == told["embedding"]
    assert told["embeddingsByType"]["binary"] == [int(value > 0) for value in told["embedding"]]


def test_titan_2_gives_floats_of_1024_dimensions_and_of_any_length_if_asked(bedrock: Any) -> None:
    told = invoke(bedrock, TITAN_2, inputText="hello", normalize=False)

    assert told["embeddingsByType"] == {"float": told["embedding"]}
    assert len(told["embedding"]) == 1024
    assert not isclose(hypot(*told["embedding"]), 1)


def test_cohere_answers_with_one_vector_a_text(bedrock: Any) -> None:
    told = invoke(bedrock, ENGLISH, texts=["a", "b", "a"], input_type=DOCUMENT, truncate="END")

    assert told.pop("id")
    first, second, third = told.pop("embeddings")
    assert first == third != second
    assert len(first) == 1024
    assert isclose(hypot(*first), 1)
    assert told == {"response_type": "embeddings_floats", "texts": ["a", "b", "a"]}


@pytest.mark.parametrize(
    ("wanted", "length", "least", "most"),
    [
        ("float", 1024, -1, 1),
        ("int8", 1024, -128, 127),
        ("uint8", 1024, 0, 255),
        ("binary", 128, -128, 127),
        ("ubinary", 128, 0, 255),
    ],
)
def test_cohere_gives_its_vectors_by_type_if_types_are_asked_for(
    bedrock: Any, wanted: str, length: int, least: int, most: int
) -> None:
    asked = {"texts": ["a", "b"], "input_type": "search_query", "embedding_types": [wanted]}

    told = invoke(bedrock, ENGLISH, **asked)
    vectors = told["embeddings"][wanted]

    assert told["response_type"] == "embeddings_by_type"
    assert told["embeddings"].keys() == {wanted}
    assert [len(vector) for vector in vectors] == [length, length]
    assert all(least <= value <= most for vector in vectors for value in vector)


def test_cohere_4_takes_long_texts_and_a_dimension(bedrock: Any) -> None:
    asked = {"texts": ["x" * 3000], "input_type": "clustering", "max_tokens": 128_000}

    whole = invoke(bedrock, COHERE_4, **asked)["embeddings"]
    short = invoke(bedrock, COHERE_4, **asked, output_dimension=256)["embeddings"]

    assert (len(whole[0]), len(short[0])) == (1536, 256)


@pytest.mark.parametrize(
    ("model", "body", "tokens"),
    [
        (TITAN_1, {"inputText": "0123456789"}, 3),
        (TITAN_2, {"inputText": "0123456789"}, 3),
        (ENGLISH, {"texts": ["0123", "456789"], "input_type": DOCUMENT}, 3),
        (COHERE_4, {"texts": ["0123", "456789"], "input_type": DOCUMENT}, 3),
    ],
)
def test_what_is_read_is_billed_and_nothing_is_written(
    bedrock: Any, host: RunningHost, model: str, body: dict[str, Any], tokens: int
) -> None:
    answer = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    (call,) = host.calls()

    assert (call["input_tokens"], call["output_tokens"], call["status"]) == (tokens, 0, 200)
    assert headers["x-amzn-bedrock-input-token-count"] == str(tokens)
    assert headers["x-amzn-bedrock-output-token-count"] == "0"


def test_only_what_is_read_is_taken_from_the_quota(bedrock: Any, host: RunningHost) -> None:
    host.behave(tpm=5)
    invoke(bedrock, TITAN_1, inputText="0123456789")

    with pytest.raises(ClientError, match="Too many tokens"):
        invoke(bedrock, TITAN_1, inputText="0123456789")


def test_faults_match_any_of_the_texts(bedrock: Any, host: RunningHost) -> None:
    host.behave(faults=[{"do": "throttle", "match": "poison"}])
    invoke(bedrock, ENGLISH, texts=["a", "b"], input_type=DOCUMENT)

    with pytest.raises(ClientError, match="Too many requests"):
        invoke(bedrock, ENGLISH, texts=["poison", "b"], input_type=DOCUMENT)


@pytest.mark.parametrize("model", [TITAN_1, TITAN_2, ENGLISH, COHERE_4])
def test_converse_does_not_serve_an_embedding_model(
    bedrock: Any, host: RunningHost, model: str
) -> None:
    with pytest.raises(ClientError, match="Try again with a supported text or chat model") as error:
        bedrock.converse(modelId=model, messages=[{"role": "user", "content": [{"text": "a"}]}])

    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert [call["status"] for call in host.calls()] == [400]


@pytest.mark.parametrize(
    ("model", "body", "why"),
    [
        (TITAN_1, {"inputText": "x", "textGenerationConfig": {}}, "[textGenerationConfig]"),
        (TITAN_1, {"inputText": "x", "dimensions": 256}, "extraneous key [dimensions]"),
        (TITAN_1, {"inputText": ""}, "inputText"),
        (TITAN_2, {"prompt": "x"}, "extraneous key [prompt]"),
        (TITAN_2, {"inputText": "x", "dimensions": 100}, "enum value set: [256, 512 or 1024]"),
        (TITAN_2, {"inputText": "x", "embeddingTypes": ["int8"]}, "embeddingTypes.0"),
        (ENGLISH, {"texts": ["x"]}, "'input_type' failed to satisfy constraint: Member must not be null"),
        (ENGLISH, {"texts": [], "input_type": DOCUMENT}, "greater than or equal to 1"),
        (ENGLISH, {"texts": ["x"] * 97, "input_type": DOCUMENT}, "less than or equal to 96"),
        (ENGLISH, {"texts": ["x" * 2049], "input_type": DOCUMENT}, "less than or equal to 2048"),
        (ENGLISH, {"texts": ["x"], "input_type": "query"}, "input_type"),
        (ENGLISH, {"texts": ["x"], "input_type": DOCUMENT, "output_dimension": 256}, "[output_dimension]"),
        (ENGLISH, {"message": "x"}, "extraneous key [message]"),
        (COHERE_4, {"texts": ["x"], "input_type": DOCUMENT, "truncate": "END"}, "truncate"),
        (COHERE_4, {"texts": ["x"], "input_type": DOCUMENT, "output_dimension": 100}, "output_dimension"),
    ],
)  # fmt: skip
def test_a_body_that_an_embedding_model_would_not_take_is_refused(
    host: RunningHost, model: str, body: dict[str, Any], why: str
) -> None:
    status, refusal = host.post("invoke", model=model, body=body)

    assert status == 400
    assert why in refusal["message"]
