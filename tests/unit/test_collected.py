"""Answers on their shelf: found by their record, whatever came in whichever order."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.batchlines import answered_line, read_answer, usage_of
from batchwright.collected import Collected, Shelf
from batchwright.completion import Completion
from batchwright.errors import (
    ContextOverflow,
    MalformedCompletion,
    NotAnswered,
    RecordInvalid,
    ServiceFault,
)
from batchwright.request import Request
from batchwright.usage import Usage
from tests.fakes import MODEL
from tests.fakes_batch import echoed

CHAT = Request({"messages": []})
NATIVE = Request({"prompt": "hello"}, "llama")


def said(index: int, text: str) -> bytes:
    asked = {"messages": [{"role": "user", "content": [{"text": text}]}]}
    line = {"recordId": f"{index:011d}", "modelInput": asked, "modelOutput": echoed(asked)}
    return json.dumps(line).encode()


def kept(**line: Any) -> bytes:
    found = answered_line(json.dumps({"recordId": "00000000007", **line}).encode())
    assert found is not None
    assert found[0] == 7
    return found[1]


lines = st.lists(st.integers(0, 30), unique=True).flatmap(
    lambda indexes: st.permutations([said(index, f"answer {index}") for index in indexes])
)


@given(lines=lines, doubled=st.integers(0, 5))
def test_every_record_finds_its_own_answer_whatever_the_order_and_however_often(
    lines: list[bytes], doubled: int
) -> None:
    shelf = Shelf()
    for line in [*lines, *lines[:doubled]]:
        found = answered_line(line)
        assert found is not None
        shelf.put(*found)

    collected = Collected(shelf, read_answer)
    for index in range(31):
        answer = collected.take(index, CHAT, MODEL, 5)
        if index in shelf:
            assert isinstance(answer, Completion)
            assert (answer.text, answer.tier) == (f"answer {index}", "batch")
        else:
            assert answer is None
    assert len(shelf.indexes) == len(lines)
    shelf.close()


def test_an_answer_is_taken_once() -> None:
    shelf = Shelf()
    shelf.put(7, kept(modelOutput=echoed({"messages": [{"content": [{"text": "a"}]}]})))
    collected = Collected(shelf, read_answer)

    assert collected.take(7, CHAT, MODEL, 1) is not None
    assert collected.take(7, CHAT, MODEL, 1) is None
    shelf.close()


def test_what_was_handed_over_and_is_missing_ends_where_a_fault_is_given() -> None:
    shelf, fault = Shelf(), NotAnswered("nothing came", expired=True)
    collected = Collected(shelf, read_answer, handed=frozenset({7}), fault=fault)

    assert collected.take(7, CHAT, MODEL, 1) is fault
    assert collected.take(8, CHAT, MODEL, 1) is None, "it was never handed over"
    shelf.put(7, kept(error={"errorCode": 500}))
    failing = Collected(shelf, read_answer, handed=frozenset({7}), fault=fault)
    assert failing.take(7, CHAT, MODEL, 1) is fault, "the service did not answer it either"
    assert fault.code == "batch_expired"
    shelf.close()


@pytest.mark.parametrize(
    "line",
    [b"", b"no json", b"[]", b'{"modelOutput": {}}', b'{"recordId": 7, "modelOutput": {}}',
     b'{"recordId": "7"}', b'{"recordId": "CALL0000001", "modelOutput": {}}'],
)  # fmt: skip
def test_a_line_that_is_nobodys_is_seen(line: bytes) -> None:
    assert answered_line(line) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"errorCode": 400, "errorMessage": "Malformed input request"}, RecordInvalid),
        ({"errorCode": 400, "errorMessage": "Input is too long for it"}, ContextOverflow),
        ({"errorCode": 500, "errorMessage": "oops"}, ServiceFault),
        ({"errorCode": 429}, ServiceFault),
        ({"odd": True}, ServiceFault),
        (None, ServiceFault),
    ],
)
def test_a_records_error_ends_it_where_it_is_its_own(error: Any, kind: type) -> None:
    answer = read_answer(kept(error=error), CHAT, MODEL, 1)

    assert isinstance(answer, kind)
    assert usage_of(kept(error=error), "converse") == Usage()


def test_no_word_of_the_service_is_in_an_error() -> None:
    answer = read_answer(
        kept(error={"errorCode": 400, "errorMessage": "canary-sings-4711"}), CHAT, MODEL, 1
    )

    assert "canary" not in str(answer)


@pytest.mark.parametrize("output", [{}, {"output": {}}, "text", 7, []])
def test_an_output_that_is_no_answer_is_told_as_malformed(output: Any) -> None:
    assert isinstance(read_answer(kept(modelOutput=output), CHAT, MODEL, 1), MalformedCompletion)
    assert isinstance(read_answer(kept(modelOutput=output), NATIVE, MODEL, 1), MalformedCompletion)
    assert usage_of(kept(modelOutput=output), "converse") is None


def test_a_familys_own_answer_is_read_as_on_demand() -> None:
    output = {"generation": "hi", "prompt_token_count": 3, "generation_token_count": 1,
              "stop_reason": "stop"}  # fmt: skip

    answer = read_answer(kept(modelOutput=output), NATIVE, MODEL, 99)

    assert isinstance(answer, Completion)
    assert (answer.text, answer.native) == ("hi", output)
    assert answer.usage == Usage(input_tokens=3, output_tokens=1)
    assert usage_of(kept(modelOutput=output), "llama") == answer.usage


CALL = {"toolUse": {"toolUseId": "c1", "name": "price", "input": {"of": "latte"}}}
THOUGHT = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
OWN = {
    "anthropic": {
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "c1", "name": "price", "input": {"of": "latte"}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
    "nova": {
        "output": {"message": {"role": "assistant", "content": [THOUGHT, {"text": "I look."}, CALL]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
    },
}  # fmt: skip


@pytest.mark.parametrize("family", OWN)
def test_what_was_asked_in_a_familys_words_is_answered_in_converses(family: str) -> None:
    answer = read_answer(kept(modelOutput=OWN[family]), CHAT, MODEL, 99, family)

    assert isinstance(answer, Completion)
    assert answer.content == [THOUGHT, {"text": "I look."}, CALL]
    assert (answer.stop_reason, answer.native, answer.tier) == ("tool_use", None, "batch")
    assert answer.usage == Usage(input_tokens=3, output_tokens=1)
    assert usage_of(kept(modelOutput=OWN[family]), family) == answer.usage


@pytest.mark.parametrize(
    ("message", "kind"),
    [("Malformed input request", ServiceFault), ("prompt is too long", ContextOverflow)],
)
def test_what_is_refused_in_a_familys_words_is_asked_in_converses(message: str, kind: type) -> None:
    error = kept(error={"errorCode": 400, "errorMessage": message})

    assert isinstance(read_answer(error, CHAT, MODEL, 1, "nova"), kind)


def test_tokens_that_nobody_counts_are_guessed_for_the_outcome_and_unknown_to_the_budget() -> None:
    output = {"outputs": [{"text": "hi", "stop_reason": "stop"}]}
    request = Request({"prompt": "hello"}, "mistral")

    answer = read_answer(kept(modelOutput=output), request, MODEL, 99)

    assert isinstance(answer, Completion)
    assert answer.usage.input_tokens == 99
    assert answer.usage.output_tokens > 0
    assert usage_of(kept(modelOutput=output), "mistral") is None


def test_what_is_kept_lies_in_a_file_and_not_in_memory() -> None:
    shelf, answer = Shelf(), b"+" * 10_000
    tracemalloc.start()
    for index in range(5_000):
        shelf.put(index, answer)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert shelf.get(4_999) == answer
    assert held < 2_000_000, "of 50 MB"
    shelf.close()
