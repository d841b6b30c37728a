"""What calls cost at most, and what they have cost."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.budget import Budget
from batchwright.money import (
    CACHE_FACTOR,
    LONG_FACTOR,
    MOST_IMAGE_TOKENS,
    Reading,
    most_billionths,
    rates_of,
    spent_billionths,
)
from batchwright.prices import cost_usd, price_table
from batchwright.request import Request
from batchwright.usage import Usage
from tests.fakes import MODEL, echo

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
UNKNOWN = "somebody.new-model-v1:0"
LITE_INPUT, LITE_OUTPUT = 60, 240  # billionths a token
CONTEXT = 300_000

# Control characters need six bytes in JSON; who sends tools full of them reads on at his own risk.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
turns = st.lists(
    st.fixed_dictionaries(
        {"role": st.just("user"), "content": st.lists(st.builds(dict, text=st.text()), min_size=1)}
    ),
    min_size=1,
    max_size=5,
)


def converse(*blocks: dict[str, Any], limit: int | None = 100, **more: Any) -> Request:
    config = {} if limit is None else {"inferenceConfig": {"maxTokens": limit}}
    return Request({"messages": [{"role": "user", "content": [*blocks]}], **config, **more})


def bytes_in(node: Any) -> int:
    """Every byte of every text, a token each: no tokenizer does worse."""
    if isinstance(node, str):
        return len(node.encode(errors="surrogatepass"))
    if isinstance(node, dict):
        return sum(map(bytes_in, node.values()))
    return sum(map(bytes_in, node)) if isinstance(node, list) else 0


def within(request: Request, model: str, usage: Usage) -> bool:
    spent, most = spent_billionths(model, usage), most_billionths(request, model)
    assert spent is not None
    assert most is not None
    return spent <= most


def read(block: dict[str, Any], **more: Any) -> int:
    return Reading(converse(block, limit=None, **more).body).tokens


@given(turns, st.lists(st.builds(dict, text=st.text()), max_size=2), st.integers(1, 10_000))
def test_no_call_costs_more_than_was_set_aside_for_it(
    messages: list[dict[str, Any]], system: list[dict[str, Any]], limit: int
) -> None:
    body = {"messages": messages, "system": system, "inferenceConfig": {"maxTokens": limit}}
    usage = Usage(input_tokens=bytes_in([messages, system]), output_tokens=limit)

    assert within(Request(body), MODEL, usage)


@given(st.text(min_size=1), st.integers(1, 2_000))
def test_what_echoes_costs_no_more(text: str, limit: int) -> None:
    request = converse({"text": text}, limit=limit)

    assert within(request, MODEL, echo(request).usage)


@given(values, values)
def test_what_the_service_writes_as_json_is_bounded_too(schema: Any, given_back: Any) -> None:
    tools = {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": schema}}}]}
    answer = {"toolResult": {"toolUseId": "t", "content": [{"json": given_back}]}}
    request = converse(answer, toolConfig=tools)
    written = len(json.dumps(tools)) + len(json.dumps(answer))

    assert Reading(request.body).tokens >= written


@given(st.text(), st.text())
def test_native_bodies_are_bounded_by_their_texts(text: str, other: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "llama": {"prompt": text, "max_gen_len": 10},
        "anthropic": {"messages": [{"role": "user", "content": text}], "max_tokens": 10},
        "cohere": {
            "message": text,
            "chat_history": [{"role": "USER", "message": other}],
            "max_tokens": 10,
        },
        "mistral": {
            "messages": [{"role": "user", "content": [{"type": "text", "text": other}]}],
            "max_tokens": 10,
        },
        "nova": {
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"max_new_tokens": 10},
        },
        "titan_text": {"inputText": other, "textGenerationConfig": {"maxTokenCount": 10}},
    }
    for family, body in bodies.items():
        usage = Usage(input_tokens=bytes_in(body), output_tokens=10)
        assert within(Request(body, family), MODEL, usage), family


def test_a_text_is_counted_in_bytes_and_its_answer_at_the_limit() -> None:
    one = most_billionths(converse({"text": "é" * 100}), MODEL)
    shorter = most_billionths(converse({"text": "é" * 50}), MODEL)
    wordier = most_billionths(converse({"text": "é" * 100}, limit=101), MODEL)

    assert one is not None
    assert shorter == one - 100 * LITE_INPUT
    assert wordier == one + LITE_OUTPUT


def test_no_model_is_thought_to_read_more_than_its_context() -> None:
    endless = most_billionths(converse({"text": "x" * 10 * CONTEXT}), MODEL)

    assert endless == CONTEXT * LITE_INPUT + 100 * LITE_OUTPUT


@pytest.mark.parametrize("model", [UNKNOWN, f"us.{UNKNOWN}"])
def test_a_model_without_a_price_has_no_bound(model: str) -> None:
    assert most_billionths(converse({"text": "x"}), model) is None
    assert spent_billionths(model, Usage(input_tokens=1)) is None


def test_an_answer_without_a_limit_has_no_bound_but_vectors_need_none() -> None:
    assert most_billionths(converse({"text": "x"}, limit=None), MODEL) is None

    body = {"inputText": "x" * 1000}
    assert within(Request(body, "titan_embed"), TITAN, Usage(input_tokens=1000))


def test_pictures_among_texts_for_vectors_have_no_price() -> None:
    said = {"input_type": "search_document"}

    for name in ("images", "inputs"):
        request = Request({**said, name: []}, "cohere_embed")
        assert most_billionths(request, "cohere.embed-v4:0") is None
    texts = Request({**said, "texts": ["a"]}, "cohere_embed")
    assert most_billionths(texts, "cohere.embed-v4:0") is not None


@pytest.mark.parametrize(
    "block",
    [
        {"image": {"format": "png", "source": {"bytes": "A" * 1_000_000}}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://box/a.png"}}}},
        {"toolResult": {"content": [{"image": {"format": "png", "source": {"bytes": "A"}}}]}},
        {"type": "image", "source": {"type": "base64", "data": "A" * 1_000_000}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}},
        {"type": "tool_result", "content": [{"type": "image", "source": {"data": "A"}}]},
    ],
)
def test_a_picture_costs_what_a_large_one_costs_however_many_bytes_it_has(
    block: dict[str, Any],
) -> None:
    assert MOST_IMAGE_TOKENS <= read(block) < MOST_IMAGE_TOKENS + 1_000


def test_a_picture_of_a_raw_prompt_is_one_too() -> None:
    assert Reading({"prompt": "x", "images": ["AAAA", "AAAA"]}).tokens > 2 * MOST_IMAGE_TOKENS


def test_a_tool_that_names_its_field_image_passes_no_text_for_a_picture() -> None:
    long = "x" * 100_000
    used = {"toolUse": {"name": "draw", "input": {"image": {"source": {"bytes": long}}}}}

    assert read(used) > len(long)


@pytest.mark.parametrize(
    ("document", "least"),
    [
        ({"format": "txt", "source": {"bytes": "QUFB" * 1000}}, 3000),
        ({"format": "md", "source": {"text": "x" * 3000}}, 3000),
        ({"format": "txt", "source": {"content": [{"text": "x" * 3000}]}}, 3000),
    ],
)
def test_a_document_of_text_is_read_by_its_bytes(document: dict[str, Any], least: int) -> None:
    assert least <= read({"document": {"name": "d", **document}}) < 3 * least


@pytest.mark.parametrize(
    "block",
    [
        {"document": {"format": "pdf", "source": {"bytes": "QUFB"}}},
        {"document": {"format": "txt", "source": {"s3Location": {"uri": "s3://box/a.txt"}}}},
        {
            "document": {
                "format": "txt",
                "source": {"bytes": "QUFB"},
                "citations": {"enabled": True},
            }
        },
        {"type": "document", "source": {"type": "base64", "data": "QUFB"}},
        {"video": {"format": "mp4", "source": {"bytes": "QUFB"}}},
    ],
)
def test_what_bytes_do_not_tell_is_bounded_by_the_context(block: dict[str, Any]) -> None:
    assert most_billionths(converse(block, limit=1), MODEL) == CONTEXT * LITE_INPUT + LITE_OUTPUT


def test_a_claude_document_of_text_is_read_by_its_bytes() -> None:
    block = {"type": "document", "source": {"type": "text", "data": "x" * 3000}}

    assert 3000 <= read(block) < 4000


@pytest.mark.parametrize(
    "request_",
    [
        converse({"text": "x"}, {"cachePoint": {"type": "default"}}),
        converse({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
        converse({"text": "x"}, cache_control={"type": "ephemeral"}),
        converse({"text": "x"}, system=[{"text": "s"}, {"cachePoint": {"type": "default"}}]),
        converse({"text": "x"}, toolConfig={"tools": [{"cachePoint": {"type": "default"}}]}),
    ],
)
def test_who_asks_for_a_cache_sets_aside_what_its_writing_costs(request_: Request) -> None:
    reading = Reading(request_.body)
    usage = Usage(cache_write_tokens=reading.tokens, output_tokens=100)

    assert reading.cached
    assert within(request_, CLAUDE, usage)


def test_who_asks_for_a_longer_context_sets_aside_its_price() -> None:
    asked = {"anthropic_beta": ["context-1m-2025-08-07"]}
    million = Usage(input_tokens=1_000_000, output_tokens=100)

    by_converse = converse({"text": "x" * 2_000_000}, additionalModelRequestFields=asked)
    natively = Request({**by_converse.body, "max_tokens": 100, **asked}, "anthropic")

    assert within(by_converse, CLAUDE, million)
    assert within(natively, CLAUDE, million)


def test_what_was_spent_is_the_price_rounded_up() -> None:
    for model in price_table():
        for usage in (
            Usage(input_tokens=1),
            Usage(input_tokens=1234, output_tokens=567),
            Usage(input_tokens=4096, output_tokens=99_999),
        ):
            cost, spent = cost_usd(model, usage), spent_billionths(model, usage)
            assert cost is not None
            assert spent is not None
            # The receipt's dollars are floats; a whole billionth is the most that rounding up may add.
            assert -0.001 <= spent - cost * 1_000_000_000 < 1.001, model


def test_what_is_written_into_a_cache_counts_as_the_dearest_there_is() -> None:
    used = Usage(input_tokens=1000, cache_read_tokens=1000, cache_write_tokens=1000)
    plain = spent_billionths(CLAUDE, Usage(input_tokens=1000))

    assert plain is not None
    assert spent_billionths(CLAUDE, used) == round(plain * (1 + 0.1 + CACHE_FACTOR))


def test_what_a_cache_held_counts_as_input_where_nobody_knows_its_price() -> None:
    plain = spent_billionths("openai.gpt-oss-20b-1:0", Usage(input_tokens=2000))

    used = Usage(input_tokens=1000, cache_read_tokens=1000)
    assert spent_billionths("openai.gpt-oss-20b-1:0", used) == plain


def test_what_is_read_beyond_the_context_costs_more() -> None:
    rates = rates_of(CLAUDE)
    assert rates is not None
    below = spent_billionths(CLAUDE, Usage(input_tokens=rates.context))
    above = spent_billionths(CLAUDE, Usage(input_tokens=rates.context + 1))

    assert below is not None
    assert above is not None
    assert above > below * LONG_FACTOR


def test_a_budget_is_told_in_dollars_and_kept_in_billionths() -> None:
    assert Budget(usd=25).billionths == 25_000_000_000
    assert Budget(usd=0.000001).billionths == 1_000
