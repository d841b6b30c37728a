import json

import pytest

from batchwright.contract import Contract
from batchwright.dialects import detect
from batchwright.errors import Refused
from batchwright.lines import Line
from batchwright.prompt import Prompt
from batchwright.route import Route
from tests.fakes import MODEL
from tests.laptop import chat_line, converse_line

PLAIN = Contract(name="plain", routes=(Route(model=MODEL),))


def prompting(user: str) -> Contract:
    return Contract(name="tags", routes=(Route(model=MODEL),), prompt=Prompt(user=user))


WITH_PROMPT = prompting("{{ text }}")


def line(content: object) -> Line:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Line(2, 0, len(raw), raw)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (chat_line("a", "x"), "openai_chat"),
        (converse_line("a", "x"), "bedrock_converse"),
        ({"modelInput": {"messages": [], "inferenceConfig": {}}}, "bedrock_converse"),
        ({"modelInput": {"messages": [], "inferenceConfig": {"topK": 5}}}, "bedrock_invoke"),
        (b"id,text", "csv"),
        (b"text", "csv"),
    ],
)
def test_the_first_line_tells_the_dialect(content: object, name: str) -> None:
    assert detect(line(content), WITH_PROMPT).name == name


@pytest.mark.parametrize(
    "row",
    [
        {"id": "1", "text": "x", "body": "of a mail"},
        {"id": "1", "text": "x", "body": {"html": "of a mail"}},
        {"custom_id": "1", "text": "x"},
        {"custom_id": "1", "text": "x", "params": {}},
        {"key": "1", "text": "x", "request": {}},
        {"id": "1", "text": "x", "url": "https://example.org/", "method": "GET"},
        {"id": "1", "text": "x", "url": "/v1/", "method": "POST", "status": 200},
    ],
)
def test_a_row_may_call_its_columns_what_other_dialects_call_their_fields(
    row: dict[str, object],
) -> None:
    assert detect(line(row), WITH_PROMPT).name == "rows_jsonl"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"custom_id": "a", "method": "POST", "body": {}}, "openai_chat"),
        ({"url": "/v1/embeddings", "body": {}}, "openai_embeddings"),
    ],
)
def test_a_line_that_says_where_it_is_to_be_sent_is_no_row(content: object, name: str) -> None:
    assert detect(line(content), prompting("Sum up: {{ body }}")).name == name


def test_a_prompt_without_columns_makes_no_rows_of_requests() -> None:
    constant = prompting("Say hello.")

    assert detect(line({"custom_id": "a", "params": {}}), constant).name == "anthropic"
    assert detect(line({"name": "a"}), constant).name == "rows_jsonl"


def test_a_body_that_is_a_text_is_no_request() -> None:
    with pytest.raises(Refused, match="lacks 'text'") as caught:
        detect(line({"custom_id": "1", "body": "of a mail"}), WITH_PROMPT)

    assert caught.value.code == "unknown_dialect"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"text": "a row"}, "unknown_dialect"),
        ([1, 2], "unknown_dialect"),
        (b"id,text", "unknown_dialect"),
        (b"\xff\xfei\x00d\x00", "unsupported_encoding"),
        (b"i\x00d\x00", "unsupported_encoding"),
        (b'{"custom_id": ', "invalid_json_line"),
    ],
)
def test_a_file_of_no_known_dialect_is_refused_with_its_line(content: object, code: str) -> None:
    with pytest.raises(Refused) as caught:
        detect(line(content), PLAIN)

    assert caught.value.code == code
    assert caught.value.line in {1, 2}


def test_who_sends_a_file_may_say_what_it_is() -> None:
    assert detect(line(b"text"), WITH_PROMPT, "csv").name == "csv"
    assert detect(line(b"{broken"), PLAIN, "openai_chat").name == "openai_chat"


def test_a_dialect_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(Refused, match="openai_chat, ") as caught:
        detect(line(b"x"), PLAIN, "esperanto")

    assert caught.value.code == "unknown_dialect"
