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
WITH_PROMPT = Contract(name="tags", routes=(Route(model=MODEL),), prompt=Prompt(user="{{ text }}"))


def line(content: object) -> Line:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Line(2, 0, len(raw), raw)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (chat_line("a", "x"), "openai_chat"),
        (converse_line("a", "x"), "bedrock_converse"),
        ({"modelInput": {"messages": [], "inferenceConfig": {}}}, "bedrock_converse"),
        (b"id,text", "csv"),
        (b"text", "csv"),
    ],
)
def test_the_first_line_tells_the_dialect(content: object, name: str) -> None:
    assert detect(line(content), WITH_PROMPT).name == name


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
