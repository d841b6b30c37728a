import pytest

from batchwright.contract import Contract, Prompt, Route
from batchwright.dialects.table import Table
from batchwright.errors import RecordInvalid, Refused
from batchwright.lines import Line
from tests.fakes import MODEL, texts_of


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
        (b"id,name,\xff", "unknown_dialect"),
        (b'id,name,"text', "unknown_dialect"),
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


def test_the_sandbox_gives_no_way_out() -> None:
    way_out = "{{ text.__class__.__mro__ }}"
    with pytest.raises(RecordInvalid):
        table(user=way_out).read(row(b"a1,Lamp,x"))


def test_a_cell_may_be_longer_than_the_csv_modules_own_limit() -> None:
    record = table(user="{{ text }}").read(row(b"a1,Lamp," + b"x" * 200_000))

    assert len(record.shape.row["text"]) == 200_000
