import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.completion import Completion
from batchwright.contract import Contract, default_contract
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.invoke_model import InvokeModel
from batchwright.errors import RecordInvalid
from batchwright.lines import Line, lines
from batchwright.record import Record
from batchwright.request import IMAGE_TOKENS
from batchwright.route import Route
from batchwright.usage import Usage
from tests.fakes import MODEL, NOON
from tests.natives import (
    CALLING,
    CLAUDE,
    COHERE_EMBED,
    COMMAND,
    COMMAND_R,
    FUNCTION,
    GPT_OSS,
    LLAMA,
    MISTRAL,
    NOVA,
    PLAIN,
    RICH,
    SAYS,
    TITAN,
    TITAN_EMBED,
)
from tests.odd import broken, odd

SAMPLES = Path(__file__).parents[2] / "docs/samples"
INVOKE = InvokeModel(default_contract((MODEL,)))


def under(*models: str) -> InvokeModel:
    """The dialect for a contract that names these models."""
    first, *others = models
    return InvokeModel(
        Contract(name="native", routes=(Route(model=first),), models={m: m for m in others})
    )


def line_of(body: object, record_id: str = "req-1") -> dict[str, Any]:
    return {"recordId": record_id, "modelInput": body}


def read(body: object, dialect: InvokeModel = INVOKE) -> Record:
    return dialect.read(Line(7, 0, 0, json.dumps(line_of(body)).encode()))


def refused(body: object, dialect: InvokeModel = INVOKE) -> RecordInvalid:
    with pytest.raises(RecordInvalid) as caught:
        read(body, dialect)
    return caught.value


@pytest.mark.parametrize(("family", "body"), [*PLAIN.items(), *RICH, ("cohere", COMMAND)])
def test_a_body_is_told_by_what_only_its_family_has_and_asked_as_it_is(
    family: str, body: dict[str, Any]
) -> None:
    record = read(body)

    assert (record.record_id, record.model, record.family, record.native) == (
        "req-1",
        None,
        family,
        True,
    )
    request = INVOKE.request(record)
    assert (request.body, request.family) == (body, family)
    assert request.max_tokens == record.max_tokens == (None if record.embeds else 100)
    assert record.input_tokens > 0


@pytest.mark.parametrize(
    ("sample", "family"),
    [
        ("questions.claude", "anthropic"),
        ("questions.nova", "nova"),
        ("questions.titan", "titan_text"),
        ("questions.llama", "llama"),
        ("questions.mistral", "mistral"),
        ("questions.command_r", "cohere"),
        ("products.titan_embed", "titan_embed"),
        ("products.cohere_embed", "cohere_embed"),
    ],
)
def test_every_line_of_a_sample_is_read(sample: str, family: str) -> None:
    content = (SAMPLES / f"{sample}.jsonl").read_bytes()

    records = [INVOKE.read(line) for line in lines([content])]

    assert {record.family for record in records} == {family}
    assert 6 <= len({record.record_id for record in records}) == len(records) <= 10


def test_what_a_body_wants_of_an_embedding_model_is_known_to_the_plan() -> None:
    titan, cohere = read(TITAN_EMBED), read(COHERE_EMBED | {"output_dimension": 256})

    assert (titan.embeds, titan.texts, titan.dimensions) == (True, 1, 512)
    assert (cohere.embeds, cohere.texts, cohere.dimensions) == (True, 2, 256)


def test_a_picture_weighs_what_a_picture_costs() -> None:
    seen = read(LLAMA | {"images": ["A" * 100_000]}).input_tokens

    assert seen == read(LLAMA).input_tokens + IMAGE_TOKENS


UNTOLD: list[tuple[dict[str, Any], set[str]]] = [
    ({"prompt": "Hello"}, {"Llama", "Mistral", "Command"}),
    ({"prompt": "Hello", "max_tokens": 5, "temperature": 0}, {"Llama", "Mistral", "Command"}),
    ({"inputText": "Hello"}, {"Titan text", "Titan embeddings"}),
    ({"messages": SAYS, "max_tokens": 5}, {"Claude", "Nova", "Mistral", "gpt-oss"}),
    ({"inputs": "Hello", "parameters": {}, "x": 1}, set()),
    ({}, {"Claude", "Nova", "Llama"}),
    ({"question": "Hello"}, {"Claude", "Nova", "Llama"}),
]


@pytest.mark.parametrize(("body", "told"), UNTOLD)
def test_a_body_that_could_be_anybodys_is_refused_and_told_what_to_add(
    body: dict[str, Any], told: set[str]
) -> None:
    fault = refused(body)

    assert fault.code == "invalid_request"
    assert all(f"for {family}" in str(fault) for family in told)
    assert "Hello" not in str(fault)


@pytest.mark.parametrize(
    ("model", "body", "family"),
    [
        ("meta.llama3-1-8b-instruct-v1:0", {"prompt": "Hello"}, "llama"),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "Hello", "max_tokens": 5}, "mistral"),
        ("cohere.command-text-v14", {"prompt": "Hello", "max_tokens": 5}, "cohere"),
        ("amazon.titan-text-express-v1", {"inputText": "Hello"}, "titan_text"),
        ("amazon.titan-embed-text-v1", {"inputText": "Hello"}, "titan_embed"),
        (
            "mistral.mistral-large-2407-v1:0",
            {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5},
            "mistral",
        ),
        (
            "mistral.mistral-large-2407-v1:0",
            {
                "messages": [
                    {"role": "user", "content": "Hello"},
                    CALLING,
                    {"role": "tool", "tool_call_id": "c1", "content": "3"},
                ],
                "tools": [FUNCTION],
                "tool_choice": "auto",
                "top_p": 0.5,
            },
            "mistral",
        ),
        (
            "openai.gpt-oss-20b-1:0",
            {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5},
            "openai",
        ),
    ],
)
def test_where_a_body_does_not_tell_its_family_the_contracts_model_does(
    model: str, body: dict[str, Any], family: str
) -> None:
    assert read(body, under(model)).family == family


def test_so_does_the_model_of_ones_own_contract_called_default_and_not_the_built_in_ones() -> None:
    llama = "meta.llama3-1-8b-instruct-v1:0"
    own = Contract(name="default", routes=(Route(model=llama),))

    assert read({"prompt": "Hello"}, InvokeModel(own)).family == "llama"
    refused({"prompt": "Hello"}, InvokeModel(default_contract((llama,))))


def test_models_of_two_families_decide_nothing_between_them() -> None:
    dialect = under("meta.llama3-1-8b-instruct-v1:0", "mistral.mistral-7b-instruct-v0:2")

    assert "for Llama" in str(refused({"prompt": "Hello"}, dialect))
    assert read(LLAMA, dialect).family == "llama"


def test_a_body_is_never_taken_for_the_contracts_model_against_what_it_tells() -> None:
    assert read(LLAMA, under("mistral.mistral-7b-instruct-v0:2")).family == "llama"


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (CLAUDE, {"model": "claude"}, "model"),
    (CLAUDE, {"stream": False}, "stream"),
    (CLAUDE, {"anthropic_version": "2023-06-01"}, "anthropic_version"),
    (CLAUDE, {"messages": []}, "messages"),
    (CLAUDE, {"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
    (CLAUDE, {"messages": [{"role": "system", "content": "x"}]}, "messages[0].role"),
    (CLAUDE, {"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
    (
        CLAUDE,
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
        "messages[0].content[0].text",
    ),
    (
        CLAUDE,
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
        "messages[0].content[0].text",
    ),
    (CLAUDE, {"system": " "}, "system"),
    (CLAUDE, {"system": [{"type": "text", "text": "\n"}]}, "system[0].text"),
    (CLAUDE, {"max_tokens": 0}, "max_tokens"),
    (CLAUDE, {"max_tokens": None}, "max_tokens"),
    (CLAUDE, {"temperature": 1.5}, "temperature"),
    (CLAUDE, {"top_k": -1}, "top_k"),
    (CLAUDE, {"tools": []}, "tools"),
    (CLAUDE, {"metadata": {}}, "metadata"),
    (NOVA, {"schemaVersion": "messages-v2"}, "schemaVersion"),
    (NOVA, {"max_tokens": 5}, "max_tokens"),
    (NOVA, {"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "messages"),
    (NOVA, {"messages": [{"role": "user", "content": "x"}]}, "messages[0].content"),
    (
        NOVA,
        {"messages": [{"role": "user", "content": [{"text": "x"}, {"document": {}}]}]},
        "messages[0].content[1]",
    ),
    (NOVA, {"inferenceConfig": {"topK": 129}}, "inferenceConfig.topK"),
    (
        NOVA,
        {"inferenceConfig": {"maxTokens": 5, "max_new_tokens": 5}},
        "inferenceConfig.max_new_tokens",
    ),
    (TITAN, {"inputText": " "}, "inputText"),
    (TITAN, {"textGenerationConfig": {"topK": 1}}, "textGenerationConfig.topK"),
    (TITAN, {"dimensions": 256}, "modelInput"),
    (TITAN_EMBED, {"dimensions": 384}, "dimensions"),
    (TITAN_EMBED, {"embeddingTypes": ["int8"]}, "embeddingTypes[0]"),
    (TITAN_EMBED, {"embeddingTypes": []}, "embeddingTypes"),
    (LLAMA, {"max_gen_len": 2049}, "max_gen_len"),
    (LLAMA, {"top_k": 5}, "top_k"),
    (LLAMA, {"prompt": ""}, "prompt"),
    (MISTRAL, {"top_k": 201}, "top_k"),
    (MISTRAL, {"messages": [{"role": "user", "content": "x"}]}, "prompt"),
    (MISTRAL, {"tools": [FUNCTION]}, "tools"),
    (MISTRAL, {"safe_prompt": True}, "safe_prompt"),
    (COMMAND_R, {"prompt": "x"}, "message"),
    (COMMAND_R, {"num_generations": 1}, "num_generations"),
    (COMMAND_R, {"search_queries_only": True}, "search_queries_only"),
    (COMMAND_R, {"chat_history": [{"role": "USER", "message": " "}]}, "chat_history[0].message"),
    (COMMAND_R, {"chat_history": [{"role": "TOOL", "message": "x"}]}, "chat_history[0].role"),
    (COMMAND, {"num_generations": 2}, "num_generations"),
    (COMMAND, {"stream": True}, "stream"),
    (COMMAND, {"preamble": "x"}, "preamble"),
    (COHERE_EMBED, {"input_type": "poem"}, "input_type"),
    (COHERE_EMBED, {"texts": ["x"] * 97}, "texts"),
    (COHERE_EMBED, {"texts": ["x", " "]}, "texts[1]"),
    (COHERE_EMBED, {"images": ["AAAA"]}, "texts"),
    (COHERE_EMBED, {"output_dimension": 384}, "output_dimension"),
    (GPT_OSS, {"model": "openai.gpt-oss-20b-1:0"}, "model"),
    (GPT_OSS, {"stream": True}, "stream"),
    (GPT_OSS, {"n": 2}, "n"),
    (GPT_OSS, {"logprobs": True}, "logprobs"),
    (GPT_OSS, {"max_tokens": 5}, "max_completion_tokens"),
    (GPT_OSS, {"messages": [{"role": "assistant"}]}, "messages[0].content"),
]


@pytest.mark.parametrize(("body", "said", "param"), REFUSED)
def test_what_a_family_does_not_take_is_refused_by_name(
    body: dict[str, Any], said: dict[str, Any], param: str
) -> None:
    fault = refused(body | said)

    at = param if param == "modelInput" else f"modelInput.{param}"
    assert (fault.code, fault.param, fault.record_id) == ("invalid_request", at, "req-1")


def test_claude_needs_its_version_and_is_told_so_where_the_contract_names_it() -> None:
    silent = {name: value for name, value in CLAUDE.items() if name != "anthropic_version"}

    fault = refused(silent, under("us.anthropic.claude-haiku-4-5-20251001-v1:0"))

    assert fault.param == "modelInput.anthropic_version"
    assert str(fault) == "modelInput.anthropic_version is required"


@pytest.mark.parametrize(
    "odd_one", [{"tools": [{"x": 2**70}]}, {"tool_choice": json.loads("[" * 300 + "]" * 300)}]
)
def test_json_that_our_writer_does_not_take_is_refused(odd_one: dict[str, Any]) -> None:
    assert refused(CLAUDE | {"thinking": odd_one}).code in {"invalid_request", "invalid_json_line"}


@pytest.mark.parametrize("body", [None, 5, "x", []])
def test_a_model_input_is_an_object(body: object) -> None:
    assert refused(body).param == "modelInput"


def test_no_error_quotes_the_record() -> None:
    canary = "canary-4711"
    bodies = [body | said for body, said, _ in REFUSED] + [body for body, _ in UNTOLD]

    for body in bodies:
        text = json.dumps(body).replace("Hello", canary).replace('"x"', f'"{canary}"')
        assert canary not in str(refused(json.loads(text)))


def completion(stop_reason: str, native: dict[str, Any]) -> Completion:
    return Completion(
        content=[{"text": "Hi"}],
        stop_reason=stop_reason,
        usage=Usage(input_tokens=2, output_tokens=1),
        latency_ms=5,
        native=native,
    )


def unanswered(code: str) -> Unanswered:
    return Unanswered(code=code, message="told", line=7, param=None, key="k", model="m", at=NOON)


def written(line: dict[str, Any]) -> Any:
    return json.loads(orjson.dumps(line))


def test_an_answer_is_written_as_the_family_wrote_it() -> None:
    native = {"generation": "Hi", "stop_reason": "stop", "whatever": [None]}

    line = INVOKE.answer(
        read(LLAMA), completion("end_turn", native), Answered(key="k", model="m", at=NOON)
    )

    assert written(line) == {"recordId": "req-1", "modelInput": LLAMA, "modelOutput": native}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("invalid_request", 400),
        ("timed_out", 408),
        ("content_filtered", 500),
        ("deadline", 500),
        ("cancelled", 500),
    ],
)
def test_a_failure_has_the_shape_of_batch_inference(code: str, status: int) -> None:
    assert written(INVOKE.failure("req-1", read(LLAMA), None, unanswered(code))) == {
        "recordId": "req-1",
        "modelInput": LLAMA,
        "error": {"errorCode": status, "errorMessage": f"{code}: told (line 7)"},
    }


def test_a_cut_answer_goes_with_its_failure() -> None:
    native = {"generation": "Hi", "stop_reason": "length"}

    line = INVOKE.failure(
        "req-1", read(LLAMA), completion("max_tokens", native), unanswered("truncated")
    )

    assert written(line)["modelOutput"] == native
    assert written(line)["error"]["errorMessage"] == "truncated: told (line 7)"


@given(line=st.sampled_from([body for _, body in RICH]).flatmap(lambda b: odd(line_of(b))))
def test_whatever_is_odd_about_a_line_is_told_or_can_be_asked(line: dict[str, Any]) -> None:
    try:
        record = INVOKE.read(Line(7, 0, 0, json.dumps(line).encode()))
    except RecordInvalid:
        return

    request = INVOKE.request(record)
    assert orjson.dumps(request.with_max_tokens(7).body)
    assert request.max_tokens == record.max_tokens


@given(
    content=st.sampled_from([json.dumps(line_of(body)).encode() for _, body in RICH]).flatmap(
        broken
    )
)
def test_whatever_bytes_a_line_holds_it_is_told_or_can_be_asked(content: bytes) -> None:
    try:
        record = INVOKE.read(Line(7, 0, 0, content))
    except RecordInvalid:
        return

    assert orjson.dumps(INVOKE.request(record).body)
