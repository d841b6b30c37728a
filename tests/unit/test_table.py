import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.table import Table
from batchwright.errors import RecordInvalid, Refused
from batchwright.lines import Line
from batchwright.prompt import Prompt
from batchwright.route import Route
from batchwright.usage import Usage
from tests.fakes import MODEL, NOON, texts_of


def contract(user: str = "{{ name }}: {{ text }}", **prompt: str) -> Contract:
    return Contract(name="tags", routes=(Route(model=MODEL),), prompt=Prompt(user=user, **prompt))


def table(header: bytes = b"id,name,text", **prompt: str) -> Table:
    return Table.of_header(header, 1, contract(**prompt))


def row(content: bytes) -> Line:
    return Line(5, 0, 0, content)


def test_a_row_is_asked_with_the_contracts_prompt() -> None:
    record = table(system="You tag {{ name }}.").read(row(b'a1,Lamp,"warm, ""dim"" light"'))

    assert record.record_id == "a1"
    assert table(system="x").request(record).body == {
        "inferenceConfig": {},
        "system": [{"text": "You tag Lamp."}],
        "messages": [{"role": "user", "content": [{"text": 'Lamp: warm, "dim" light'}]}],
    }
    assert record.shape.row == {"id": "a1", "name": "Lamp", "text": 'warm, "dim" light'}


def test_what_a_row_says_never_becomes_template() -> None:
    record = table().read(row(b"a1,{{ id }},{% for x in y %}"))

    (text,) = texts_of(table().request(record))
    assert text == "{{ id }}: {% for x in y %}"


def test_the_id_column_is_the_contracts_choice_and_else_the_line_number() -> None:
    assert table(id="name").read(row(b"a1,Lamp,x")).record_id == "Lamp"
    assert table(id="sku").read(row(b"a1,Lamp,x")).record_id == "line-5"
    assert table().read(row(b",Lamp,x")).record_id == "line-5"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"id,name", "missing_column"),
        (b"id,name,name,text", "invalid_header"),
        (b"id,,text,name", "invalid_header"),
        (b"id,name,\xff", "invalid_header"),
        (b'id,name,"text', "invalid_header"),
    ],
)
def test_a_header_that_the_prompt_cannot_use_refuses_the_file(header: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        table(header)

    assert caught.value.code == code


@pytest.mark.parametrize(
    "content", [b"a1,Lamp", b"a1,Lamp,x,y", b'a1,"Lamp,x', b"a1,\xff,x", b'a1,"La"mp,x']
)
def test_a_row_that_does_not_fit_is_told_with_its_line(content: bytes) -> None:
    with pytest.raises(RecordInvalid, match="line 5") as caught:
        table().read(row(content))

    assert caught.value.code == "invalid_row"


def test_a_blank_prompt_is_not_asked() -> None:
    with pytest.raises(RecordInvalid, match="blank"):
        table(user="{{ text }}").read(row(b"a1,Lamp,  "))


def test_a_template_that_fails_on_a_row_does_not_quote_it() -> None:
    with pytest.raises(RecordInvalid) as caught:
        table(user="{{ text.canary }}").read(row(b"a1,Lamp,x"))

    assert "canary" not in str(caught.value)
    assert caught.value.param == "prompt.user"


def test_a_prompt_without_columns_is_its_own_text() -> None:
    record = table(user="Say {{ name }}.", system="100 % plain\n").read(row(b"a1,Lamp,x"))

    assert record.shape.system == "100 % plain\n"


def test_a_template_keeps_jinjas_own_functions_and_nothing_from_the_row_before() -> None:
    counting = table(
        user="{% for n in range(2) %}{{ n }}{{ name }} {% endfor %}{% set text = text ~ '!' %}{{ text }}"
    )

    texts = [counting.read(row(line)).shape.user for line in (b"a,Lamp,x", b"b,Cup,y")]

    assert texts == ["0Lamp 1Lamp x!", "0Cup 1Cup y!"]


def test_a_table_between_tabs_is_told_by_its_columns() -> None:
    tsv = table(b'id\tname\t"text"')

    record = tsv.read(row(b'a1\tLamp, small\t"with\ta ""tab"""'))

    assert tsv.name == "tsv"
    assert record.shape.row == {"id": "a1", "name": "Lamp, small", "text": 'with\ta "tab"'}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"id,name,text", "csv"),
        (b'id,name,text,"with\ttab"', "csv"),
        (b"id\tname\ttext", "tsv"),
        (b"id\tname\ttext\tone, two", "tsv"),
        (b"name\ttext\tna,me", "tsv"),
    ],
)
def test_the_separator_is_the_one_that_finds_the_columns(header: bytes, name: str) -> None:
    assert table(header).name == name


def test_a_table_is_what_the_sender_says() -> None:
    with pytest.raises(Refused, match="'name', 'text'"):
        Table.of_header(b"id,name,text", 1, contract(), "tsv")
    assert Table.of_header(b"id\tname\ttext", 1, contract(), "tsv").name == "tsv"


def test_rows_between_tabs_may_hold_line_ends_in_their_quotes() -> None:
    content = b'a1\tLamp\t"two\nlines, and a comma"\na2\t19" rack\tx\n'

    first, second = table(b"id\tname\ttext").framing([content])

    assert first.content == b'a1\tLamp\t"two\nlines, and a comma"'
    assert second.content == b'a2\t19" rack\tx'


def test_the_sandbox_gives_no_way_out() -> None:
    way_out = "{{ text.__class__.__mro__ }}"
    with pytest.raises(RecordInvalid):
        table(user=way_out).read(row(b"a1,Lamp,x"))


def test_a_cell_may_be_longer_than_the_csv_modules_own_limit() -> None:
    record = table(user="{{ text }}").read(row(b"a1,Lamp," + b"x" * 200_000))

    assert len(record.shape.row["text"]) == 200_000


def completion(stop_reason: str = "end_turn") -> Completion:
    usage = Usage(input_tokens=9, output_tokens=2)
    return Completion(
        content=[{"text": "light"}], stop_reason=stop_reason, usage=usage, latency_ms=1
    )


def unanswered(code: str, param: str | None = None) -> Unanswered:
    return Unanswered(code=code, message="told", line=5, param=param, key="k", model="m", at=NOON)


def test_an_answer_stands_beside_its_row() -> None:
    record = table().read(row(b"a1,Lamp,x"))

    line = table().answer(record, completion(), Answered(key="k", model="m", at=NOON))

    assert line == {
        "id": "a1",
        "row": {"id": "a1", "name": "Lamp", "text": "x"},
        "output": "light",
    }


@pytest.mark.parametrize(
    "code",
    ["invalid_request", "timed_out", "content_filtered", "deadline", "cancelled"],
)
def test_a_failure_stands_beside_its_row(code: str) -> None:
    record = table().read(row(b"a1,Lamp,x"))

    assert table().failure("a1", record, None, unanswered(code, "name")) == {
        "id": "a1",
        "row": {"id": "a1", "name": "Lamp", "text": "x"},
        "output": None,
        "error": {"code": code, "message": "told", "param": "name", "line": 5},
    }


def test_a_cut_answer_goes_with_its_failure_and_a_row_that_was_not_read_has_none() -> None:
    record = table().read(row(b"a1,Lamp,x"))

    cut = table().failure("a1", record, completion("max_tokens"), unanswered("truncated"))
    unread = table().failure(None, None, None, unanswered("invalid_row"))

    assert cut["output"] == "light"
    assert (unread["id"], unread["row"], unread["output"]) == (None, None, None)


@pytest.mark.parametrize("header", [b"id,name,text", b"id\tname\ttext"])
@settings(deadline=None)
@given(content=st.binary() | st.text(st.sampled_from('a",\t\r\n ')).map(str.encode))
def test_reading_raises_nothing_but_that_a_row_is_bad(header: bytes, content: bytes) -> None:
    opened = table(header)
    try:
        record = opened.read(row(content))
    except RecordInvalid:
        return
    failure = opened.failure("a", record, None, unanswered("x"))

    assert orjson.dumps([opened.request(record).body, failure])
