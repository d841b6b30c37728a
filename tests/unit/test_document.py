import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.document import Document, DocumentJoin
from batchwright.document import Document as Terms
from batchwright.errors import ContractInvalid, RecordInvalid, Refused
from batchwright.lines import Line
from batchwright.prompt import Prompt
from batchwright.route import Route
from batchwright.unfolding.document import pieces
from batchwright.usage import Usage
from tests.fakes import MODEL, NOON, texts_of

JOIN = "One summary of {{ name }}:{% for part in parts %} {{ loop.index }}. {{ part }}{% endfor %}"


def contract(
    user: str = "Part {{ part }} of {{ name }}: {{ text }}", join: str | None = JOIN
) -> Contract:
    return Contract(
        name="summarise",
        routes=(Route(model=MODEL),),
        prompt=Prompt(user=user, system="You summarise."),
        document=Terms(tokens=8, join=join),
    )


def line(content: bytes) -> Line:
    return Line(2, 0, 0, content)


def piece(**said: Any) -> Line:
    fields = {"id": "a.md#3", "name": "a.md", "part": 3, "text": "Wipe it.", "first_line": 9}
    return line(json.dumps({**fields, **said}).encode())


def group(**said: Any) -> Line:
    fields = {"id": "a.md#join-1-2", "parts": ["open", "close"], "missing": 0, "name": "a.md"}
    return line(json.dumps({**fields, **said}).encode())


def completion(stop_reason: str = "end_turn") -> Completion:
    usage = Usage(input_tokens=9, output_tokens=2)
    return Completion(
        content=[{"text": "clean"}], stop_reason=stop_reason, usage=usage, latency_ms=1
    )


def unanswered(code: str) -> Unanswered:
    return Unanswered(code=code, message="told", line=2, param=None, key="k", model="m", at=NOON)


def test_a_piece_is_asked_with_the_contracts_prompt() -> None:
    dialect = Document(contract())

    record = dialect.read(piece())

    assert record.record_id == "a.md#3"
    assert dialect.request(record).body == {
        "inferenceConfig": {},
        "system": [{"text": "You summarise."}],
        "messages": [{"role": "user", "content": [{"text": "Part 3 of a.md: Wipe it."}]}],
    }


def test_every_piece_that_a_document_is_cut_into_is_read() -> None:
    lines = pieces(
        [b"Open the door. Switch on the light. Fill the grinder."], "a.md", Terms(tokens=8)
    )

    records = [Document(contract()).read(line(each.rstrip())) for each in lines]

    assert [record.record_id for record in records] == ["a.md#1", "a.md#2"]


def test_a_prompt_can_name_only_what_documents_have() -> None:
    plain = contract("{{ title }}").model_copy(update={"document": None})

    with pytest.raises(Refused, match="'title'") as caught:
        Document(plain)

    assert caught.value.code == "missing_column"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (piece(text=" ").content, "invalid_request"),
        (piece(part="3").content, "invalid_request"),
        (piece(more=1).content, "invalid_request"),
        (b"{", "invalid_json_line"),
    ],
)
def test_a_piece_of_another_shape_is_a_bad_record(content: bytes, code: str) -> None:
    with pytest.raises(RecordInvalid) as caught:
        Document(contract("{{ text }}")).read(line(content))

    assert caught.value.code == code


def test_an_answer_names_the_piece_and_does_not_repeat_it() -> None:
    dialect = Document(contract())

    answer = dialect.answer(
        dialect.read(piece()), completion(), Answered(key="k", model="m", at=NOON)
    )

    assert answer == {"id": "a.md#3", "part": 3, "output": "clean"}


@pytest.mark.parametrize(
    "code", ["invalid_request", "timed_out", "content_filtered", "deadline", "cancelled"]
)
def test_a_failure_names_the_piece(code: str) -> None:
    dialect = Document(contract())

    assert dialect.failure("a.md#3", dialect.read(piece()), None, unanswered(code)) == {
        "id": "a.md#3",
        "part": 3,
        "output": None,
        "error": {"code": code, "message": "told", "param": None, "line": 2},
    }


def test_a_cut_answer_goes_with_its_failure_and_an_unread_piece_has_no_number() -> None:
    dialect = Document(contract())

    cut = dialect.failure("a.md#3", None, completion("max_tokens"), unanswered("truncated"))

    assert (cut["part"], cut["output"]) == (None, "clean")


def test_the_answers_are_joined_as_the_contract_says() -> None:
    dialect = DocumentJoin(contract())

    asked = dialect.request(dialect.read(group(parts=["{{ open }}", "close"])))

    assert texts_of(asked) == ["One summary of a.md: 1. {{ open }} 2. close"]
    assert "system" not in asked.body


def test_a_contract_without_a_join_joins_nothing() -> None:
    with pytest.raises(ContractInvalid, match=r"document\.join"):
        DocumentJoin(contract(join=None))


def test_a_group_of_answers_is_a_record() -> None:
    dialect = DocumentJoin(contract())

    record = dialect.read(group())

    assert record.record_id == "a.md#join-1-2"
    assert dialect.answer(record, completion(), Answered(key="k", model="m", at=NOON)) == {
        "id": "a.md#join-1-2",
        "part": None,
        "output": "clean",
    }
    assert dialect.failure("a.md", record, None, unanswered("timed_out"))["part"] is None


def test_answers_that_are_missing_are_never_left_out_without_a_word() -> None:
    with pytest.raises(RecordInvalid, match="1 of 3 answers") as caught:
        DocumentJoin(contract()).read(group(missing=1))

    assert (caught.value.code, caught.value.record_id) == ("join_incomplete", "a.md#join-1-2")


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (group(parts=["canary", 1]).content, "parts[1]"),
        (group(missing="canary").content, "missing"),
    ],
)
def test_a_group_of_another_shape_is_a_bad_record(content: bytes, param: str) -> None:
    with pytest.raises(RecordInvalid) as caught:
        DocumentJoin(contract()).read(line(content))

    assert caught.value.param == param
    assert "canary" not in str(caught.value)


def test_a_join_that_comes_out_blank_is_not_asked() -> None:
    blank = contract(join="{% for part in parts %}{{ part }}{% endfor %}")

    with pytest.raises(RecordInvalid) as caught:
        DocumentJoin(blank).read(group(parts=[" "]))

    assert caught.value.param == "document.join"


@settings(deadline=None)
@given(whole=st.booleans(), place=st.integers(0, 100), change=st.binary(max_size=3))
def test_reading_raises_nothing_but_that_a_record_is_bad(
    whole: bool, place: int, change: bytes
) -> None:
    dialect = Document(contract()) if whole else DocumentJoin(contract())
    content = bytearray((piece() if whole else group()).content or b"")
    content[place : place + 1] = change

    try:
        record = dialect.read(line(bytes(content)))
    except RecordInvalid:
        return
    failure = dialect.failure("a", record, None, unanswered("x"))

    assert orjson.dumps([dialect.request(record).body, failure])
