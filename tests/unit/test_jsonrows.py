import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonrows import JsonRows
from batchwright.errors import RecordInvalid, Refused
from batchwright.lines import Line
from batchwright.prompt import Prompt
from batchwright.record import Record
from batchwright.route import Route
from batchwright.usage import Usage
from tests.fakes import MODEL, NOON, texts_of


def contract(user: str = "{{ title }}: {{ price }}", **prompt: str) -> Contract:
    return Contract(name="tags", routes=(Route(model=MODEL),), prompt=Prompt(user=user, **prompt))


def rows(user: str = "{{ title }}: {{ price }}", **prompt: str) -> JsonRows:
    return JsonRows(contract(user, **prompt))


def line(content: bytes) -> Line:
    return Line(5, 0, 0, content)


def row(**values: Any) -> Line:
    return line(json.dumps({"id": "a1", "title": "Lamp", "price": 5, **values}).encode())


def said(user: str, **values: Any) -> str:
    record = rows(user).read(row(**values))
    (text,) = texts_of(rows(user).request(record))
    return text


def unanswered(code: str) -> Unanswered:
    return Unanswered(code=code, message="told", line=5, param=None, key="k", model="m", at=NOON)


def completion(stop_reason: str = "end_turn") -> Completion:
    usage = Usage(input_tokens=9, output_tokens=2)
    return Completion(
        content=[{"text": "light"}], stop_reason=stop_reason, usage=usage, latency_ms=1
    )


def written(fields: dict[str, Any]) -> bytes:
    return orjson.dumps(fields)


def test_an_object_is_asked_with_the_contracts_prompt() -> None:
    dialect = rows(system="You price {{ title }}.")

    record = dialect.read(row())

    assert record.record_id == "a1"
    assert dialect.request(record).body == {
        "inferenceConfig": {},
        "system": [{"text": "You price Lamp."}],
        "messages": [{"role": "user", "content": [{"text": "Lamp: 5"}]}],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (0.5, "0.5"),
        (2**70, str(2**70)),
        (["é", None, {"a": 1}], '["é", null, {"a": 1}]'),
        ({"a": [True]}, '{"a": [true]}'),
    ],
)
def test_a_value_is_shown_as_json_and_null_as_nothing(value: Any, text: str) -> None:
    assert said("-{{ price }}-", price=value) == f"-{text}-"


def test_the_template_sees_values_and_not_their_text() -> None:
    user = "{{ price * 2 }} {{ tags | join('+') }} {{ tags[1].size }} {{ 'none' if sale is none }}"

    assert said(user, tags=["a", {"size": 5}], sale=None) == "10 a+{'size': 5} 5 none"


def test_numbers_keep_every_digit_in_the_row_that_is_repeated() -> None:
    content = b' {"title":"Lamp","price":1.10,"big":123456789012345678901234567890,"n":0.1000000000000000055}'

    record = rows().read(line(content))
    answer = rows().answer(record, completion(), Answered(key="k", model="m", at=NOON))

    assert written(answer) == b'{"id":"line-5","row":' + content.strip() + b',"output":"light"}'


@pytest.mark.parametrize(
    ("found", "record_id"),
    [("b", "b"), (7, "7"), (2**70, str(2**70)), (None, "line-5"), ("", "line-5")],
)
def test_an_id_is_a_text_or_a_whole_number(found: Any, record_id: str) -> None:
    assert rows().read(row(id=found)).record_id == record_id
    assert rows(id="sku").read(row(sku=found)).record_id == record_id


@pytest.mark.parametrize(
    ("content", "code", "param"),
    [
        (b'{"id": "a1", "title": "Lamp"}', "invalid_row", "price"),
        (b'{"id": 1.5, "title": "Lamp", "price": 1}', "invalid_request", "id"),
        (b'{"id": true, "title": "Lamp", "price": 1}', "invalid_request", "id"),
        (b'{"id": {}, "title": "Lamp", "price": 1}', "invalid_request", "id"),
        (b'["Lamp", 5]', "invalid_json_line", None),
        (b'{"title": "Lamp"', "invalid_json_line", None),
        (b'{"title": "Lamp", "price": NaN}', "invalid_json_line", None),
        (b'{"title": "\\ud800", "price": 1}', "invalid_json_line", None),
        (b'{"title": "\xff", "price": 1}', "invalid_json_line", None),
    ],
)
def test_a_bad_row_is_told_with_its_column(content: bytes, code: str, param: str | None) -> None:
    with pytest.raises(RecordInvalid) as caught:
        rows().read(line(content))

    assert (caught.value.code, caught.value.param) == (code, param)
    assert "Lamp" not in str(caught.value)


def test_a_line_that_is_too_long_to_be_read_is_a_bad_row() -> None:
    with pytest.raises(RecordInvalid, match="line 5") as caught:
        rows().read(Line(5, 0, 0, None))

    assert caught.value.code == "line_too_long"


@pytest.mark.parametrize(
    ("user", "param"), [("{{ title }}", "prompt.user"), ("{{ price.a.b }}", "prompt.user")]
)
def test_a_row_that_leaves_nothing_to_ask_is_bad_and_never_quoted(user: str, param: str) -> None:
    with pytest.raises(RecordInvalid) as caught:
        rows(user).read(row(title=" ", price="canary"))

    assert (caught.value.param, caught.value.record_id) == (param, "a1")
    assert "canary" not in str(caught.value)


def test_the_first_object_tells_that_a_file_holds_rows() -> None:
    assert JsonRows.of_first({"title": 1, "price": None}, 1, contract()).name == "rows_jsonl"
    with pytest.raises(Refused, match="lacks 'price', 'title'") as caught:
        JsonRows.of_first({"name": 1}, 3, contract())
    assert (caught.value.code, caught.value.line) == ("unknown_dialect", 3)
    with pytest.raises(Refused, match="no prompt") as caught:
        JsonRows.of_first({"title": 1}, 1, Contract(name="plain", routes=(Route(model=MODEL),)))
    assert caught.value.code == "unknown_dialect"


def test_rows_of_another_kind_of_file_go_by_its_name() -> None:
    assert JsonRows(contract(), "parquet").name == "parquet"


@pytest.mark.parametrize(
    "code", ["invalid_request", "timed_out", "content_filtered", "deadline", "cancelled"]
)
def test_a_failure_stands_beside_its_row(code: str) -> None:
    failure = rows().failure("a1", rows().read(row()), None, unanswered(code))

    assert json.loads(written(failure)) == {
        "id": "a1",
        "row": {"id": "a1", "title": "Lamp", "price": 5},
        "output": None,
        "error": {"code": code, "message": "told", "param": None, "line": 5},
    }


def test_a_cut_answer_goes_with_its_failure() -> None:
    failure = rows().failure("a1", None, completion("max_tokens"), unanswered("truncated"))

    assert (failure["row"], failure["output"]) == (None, "light")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5
)
ROWS = st.dictionaries(st.sampled_from(["id", "title", "price", "more"]), VALUES)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    content = bytearray(
        json.dumps(draw(ROWS), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    )
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(content)


@settings(deadline=None)
@given(content=mutated())
def test_reading_raises_nothing_but_that_a_row_is_bad(content: bytes) -> None:
    try:
        record: Record = rows().read(line(content))
    except RecordInvalid:
        return
    body = rows().request(record).body
    failure = rows().failure("a1", record, None, unanswered("x"))

    assert json.loads(orjson.dumps(body)) == body
    assert json.loads(orjson.dumps(failure))["id"] == "a1"
