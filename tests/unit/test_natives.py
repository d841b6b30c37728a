import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.completion import Completion, fault_of
from batchwright.digest import digest_of_request
from batchwright.errors import MalformedCompletion
from batchwright.families import EMBEDDING, FAMILIES
from batchwright.natives import NAMES, Told, completion_of, native
from batchwright.request import Request
from batchwright.usage import Usage
from tests.natives import COHERE_EMBED, LLAMA, NOVA, PLAIN
from tests.odd import odd

TOLD = Told(input_tokens=70, output_tokens=50, latency_ms=900, request_id="r-1")
SILENT = Told(input_tokens=None, output_tokens=None, latency_ms=900, request_id=None)
CALL = {"id": "c1", "function": {"name": "price", "arguments": '{"of":"latte"}'}}
TOOL_USE = {"toolUse": {"toolUseId": "c1", "name": "price", "input": {"of": "latte"}}}


def claude(stop_reason: str, *content: dict[str, Any], **usage: int) -> dict[str, Any]:
    return {
        "id": "msg_bdrk_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": list(content) or [{"type": "text", "text": "Hi"}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 5, **usage},
    }


def nova(stop_reason: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": list(content) or [{"text": "Hi"}]}},
        "stopReason": stop_reason,
        "usage": {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12},
    }


def titan(reason: str, text: str = "Hi") -> dict[str, Any]:
    result = {"tokenCount": 5, "outputText": text, "completionReason": reason}
    return {"inputTextTokenCount": 7, "results": [result]}


def llama(reason: str) -> dict[str, Any]:
    return {
        "generation": "Hi",
        "prompt_token_count": 7,
        "generation_token_count": 5,
        "stop_reason": reason,
    }


def choice(reason: str, name: str = "finish_reason", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "Hi", **message}
    return {"choices": [{"index": 0, "message": said, name: reason}]}


def gpt_oss(reason: str, **message: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return choice(reason, **message) | {"usage": usage}


def command_r(reason: str, **more: Any) -> dict[str, Any]:
    return {"response_id": "1", "text": "Hi", "generation_id": "2", "finish_reason": reason, **more}


def command(reason: str) -> dict[str, Any]:
    return {"id": "1", "generations": [{"id": "2", "text": "Hi", "finish_reason": reason}]}


def mistral(reason: str) -> dict[str, Any]:
    return {"outputs": [{"text": "Hi", "stop_reason": reason}]}


OWN, HEADERS = (7, 5), (70, 50)

ANSWERS: list[tuple[str, dict[str, Any], str, tuple[int, int]]] = [
    ("anthropic", claude("end_turn"), "end_turn", OWN),
    ("anthropic", claude("max_tokens"), "max_tokens", OWN),
    ("anthropic", claude("stop_sequence"), "stop_sequence", OWN),
    ("anthropic", claude("refusal"), "content_filtered", OWN),
    (
        "anthropic",
        claude("model_context_window_exceeded"),
        "model_context_window_exceeded",
        OWN,
    ),
    ("nova", nova("end_turn"), "end_turn", OWN),
    ("nova", nova("max_tokens"), "max_tokens", OWN),
    ("nova", nova("content_filtered"), "content_filtered", OWN),
    ("titan_text", titan("FINISH"), "end_turn", OWN),
    ("titan_text", titan("LENGTH"), "max_tokens", OWN),
    ("titan_text", titan("STOP_CRITERIA_MET"), "stop_sequence", OWN),
    ("titan_text", titan("CONTENT_FILTERED"), "content_filtered", OWN),
    ("llama", llama("stop"), "end_turn", OWN),
    ("llama", llama("length"), "max_tokens", OWN),
    ("mistral", mistral("stop"), "end_turn", HEADERS),
    ("mistral", mistral("length"), "max_tokens", HEADERS),
    ("mistral", choice("stop", "stop_reason"), "end_turn", HEADERS),
    ("mistral", choice("length"), "max_tokens", HEADERS),
    ("cohere", command_r("COMPLETE"), "end_turn", HEADERS),
    ("cohere", command_r("max_tokens"), "max_tokens", HEADERS),
    ("cohere", command_r("ERROR_TOXIC"), "content_filtered", HEADERS),
    ("cohere", command_r("ERROR_LIMIT"), "model_context_window_exceeded", HEADERS),
    ("cohere", command("COMPLETE"), "end_turn", HEADERS),
    ("cohere", command("MAX_TOKENS"), "max_tokens", HEADERS),
    ("openai", gpt_oss("stop"), "end_turn", OWN),
    ("openai", gpt_oss("length"), "max_tokens", OWN),
    ("openai", gpt_oss("content_filter"), "content_filtered", OWN),
]


def completed(family: str, answer: Any, told: Told = TOLD) -> Completion:
    return completion_of(family, json.dumps(answer).encode(), told)


@pytest.mark.parametrize(("family", "answer", "stop_reason", "tokens"), ANSWERS)
def test_an_answer_is_read_in_converses_words_and_kept_as_it_was_written(
    family: str, answer: dict[str, Any], stop_reason: str, tokens: tuple[int, int]
) -> None:
    assert completed(family, answer) == Completion(
        content=[{"text": "Hi"}],
        stop_reason=stop_reason,
        usage=Usage(input_tokens=tokens[0], output_tokens=tokens[1]),
        latency_ms=900,
        request_id="r-1",
        native=answer,
    )


@pytest.mark.parametrize(
    ("family", "answer"),
    [
        (
            "anthropic",
            claude(
                "tool_use",
                {"type": "thinking", "thinking": "…", "signature": "s"},
                {"type": "text", "text": "Hi"},
                {"type": "tool_use", "id": "c1", "name": "price", "input": {"of": "latte"}},
            ),
        ),
        ("nova", nova("tool_use", {"text": "Hi"}, TOOL_USE)),
        ("openai", gpt_oss("tool_calls", tool_calls=[CALL])),
        ("openai", gpt_oss("tool_calls", content=None, tool_calls=[CALL])),
        ("mistral", choice("tool_calls", "stop_reason", content="", tool_calls=[CALL])),
    ],
)
def test_a_call_of_a_tool_is_read(family: str, answer: dict[str, Any]) -> None:
    completion = completed(family, answer)

    assert (completion.stop_reason, completion.content[-1]) == ("tool_use", TOOL_USE)
    assert fault_of(completion) is None


def test_a_call_of_command_r_gets_the_id_that_cohere_does_not_give() -> None:
    answer = command_r("COMPLETE", tool_calls=[{"name": "price", "parameters": {"of": "tea"}}])

    completion = completed("cohere", answer)

    assert completion.stop_reason == "tool_use"
    assert completion.content[1] == {
        "toolUse": {"toolUseId": "call-0", "name": "price", "input": {"of": "tea"}}
    }


def test_arguments_that_are_no_json_stay_what_the_model_wrote() -> None:
    call = {"id": "c1", "function": {"name": "price", "arguments": "{latte"}}

    completion = completed("openai", gpt_oss("tool_calls", tool_calls=[call]))

    assert completion.content[1]["toolUse"]["input"] == "{latte"


def test_cached_tokens_are_counted_apart() -> None:
    answer = claude("end_turn", cache_read_input_tokens=3, cache_creation_input_tokens=2)

    assert completed("anthropic", answer).usage == Usage(
        input_tokens=7, output_tokens=5, cache_read_tokens=3, cache_write_tokens=2
    )


@pytest.mark.parametrize(
    ("family", "answer", "vectors", "tokens"),
    [
        (
            "titan_embed",
            {"embedding": [0.5, -1.0], "inputTextTokenCount": 7},
            [[0.5, -1.0]],
            7,
        ),
        (
            "cohere_embed",
            {"id": "1", "response_type": "embeddings_floats", "embeddings": [[0.5], [1.0]]},
            [[0.5], [1.0]],
            70,
        ),
        (
            "cohere_embed",
            {
                "response_type": "embeddings_by_type",
                "embeddings": {"int8": [[5]], "float": [[0.5]]},
            },
            [[0.5]],
            70,
        ),
        ("cohere_embed", {"embeddings": {"int8": [[5]]}}, [[5]], 70),
    ],
)
def test_vectors_are_read_and_write_no_tokens(
    family: str, answer: dict[str, Any], vectors: list[list[float]], tokens: int
) -> None:
    completion = completed(family, answer)

    assert completion.vectors == vectors
    assert completion.native == answer
    assert completion.usage == Usage(input_tokens=tokens)
    assert fault_of(completion) is None


@pytest.mark.parametrize(
    ("family", "answer"),
    [
        ("titan_embed", {"embedding": [], "inputTextTokenCount": 7}),
        ("cohere_embed", {"embeddings": []}),
        ("cohere_embed", {"embeddings": {}}),
        ("titan_text", titan("FINISH", "")),
        ("titan_text", titan("RAG_QUERY_WHEN_RAG_DISABLED")),
        ("anthropic", claude("pause_turn")),
        ("cohere", command_r("ERROR")),
        ("cohere", command_r("user_cancel")),
    ],
)
def test_an_answer_that_says_nothing_or_ends_oddly_is_no_success(
    family: str, answer: dict[str, Any]
) -> None:
    assert isinstance(fault_of(completed(family, answer)), MalformedCompletion)


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("answer", [{}, [], None, 5, {"canary": "canary"}])
def test_what_no_family_writes_is_malformed(family: str, answer: object) -> None:
    with pytest.raises(MalformedCompletion) as caught:
        completed(family, answer)

    assert family in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff", b'{"a"', b"[" * 100_000])
def test_half_an_answer_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedCompletion):
        completion_of("llama", content, TOLD)


@pytest.mark.parametrize(
    ("family", "answer"),
    [
        ("mistral", mistral("stop")),
        ("cohere", command_r("COMPLETE")),
        ("cohere_embed", {"embeddings": [[0.5]]}),
    ],
)
def test_tokens_that_nobody_counted_make_no_answer(family: str, answer: dict[str, Any]) -> None:
    with pytest.raises(MalformedCompletion):
        completed(family, answer, SILENT)


@given(
    st.sampled_from([(family, answer) for family, answer, _, _ in ANSWERS]).flatmap(
        lambda one: st.tuples(st.just(one[0]), odd(one[1]))
    )
)
def test_whatever_is_odd_about_an_answer_it_is_read_or_malformed(
    odd_one: tuple[str, dict[str, Any]],
) -> None:
    try:
        completion = completed(*odd_one)
    except MalformedCompletion:
        return

    assert isinstance(completion.text, str)
    fault_of(completion)


def test_every_family_knows_its_name() -> None:
    assert [native(name).name for name in NAMES] == [*NAMES]


def test_every_family_that_can_be_asked_natively_is_one_that_models_are_told_by() -> None:
    assert set(NAMES) == FAMILIES.keys() - {"other_embed"} == PLAIN.keys()
    assert {name for name in NAMES if native(name).embeds} == EMBEDDING - {"other_embed"}


@pytest.mark.parametrize("family", [name for name in NAMES if not native(name).embeds])
def test_the_limit_is_read_and_written_where_the_family_says_it(family: str) -> None:
    request = Request(PLAIN[family], family)

    larger = request.with_max_tokens(200)

    assert (request.max_tokens, larger.max_tokens, larger.family) == (100, 200, family)
    assert json.dumps(larger.body) == json.dumps(PLAIN[family]).replace("100", "200")
    assert request.body == PLAIN[family]


@pytest.mark.parametrize(
    ("family", "body", "limited"),
    [
        ("nova", {"messages": []}, {"messages": [], "inferenceConfig": {"maxTokens": 9}}),
        (
            "nova",
            {"inferenceConfig": {"max_new_tokens": 5, "topK": 1}},
            {"inferenceConfig": {"max_new_tokens": 9, "topK": 1}},
        ),
        (
            "titan_text",
            {"inputText": "x", "textGenerationConfig": {"topP": 1}},
            {"inputText": "x", "textGenerationConfig": {"topP": 1, "maxTokenCount": 9}},
        ),
        ("openai", {"max_tokens": 5}, {"max_tokens": 9}),
        ("openai", {}, {"max_completion_tokens": 9}),
        ("mistral", {"prompt": "x"}, {"prompt": "x", "max_tokens": 9}),
    ],
)
def test_a_limit_is_put_under_the_name_that_the_body_uses(
    family: str, body: dict[str, Any], limited: dict[str, Any]
) -> None:
    assert Request(body, family).with_max_tokens(9).body == limited


def test_vectors_have_no_limit() -> None:
    assert Request(COHERE_EMBED | {"max_tokens": 5}, "cohere_embed").max_tokens is None
    assert Request({"texts": ["x"]}, "embedding").max_tokens is None


def test_a_native_body_is_another_request_than_the_same_body_by_converse() -> None:
    as_converse = digest_of_request("m", NOVA, "c")
    as_native = digest_of_request("m", NOVA, "c", family="nova")

    assert as_converse == digest_of_request("m", NOVA, "c", family=None)
    assert len({as_converse, as_native, digest_of_request("m", LLAMA, "c", family="llama")}) == 3
