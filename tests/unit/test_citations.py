"""Quotations that must occur in what was asked."""

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.filters.citations import Citations, CitationsSettings
from batchwright.filters.filter import Subject
from batchwright.filters.gate import gate_of
from batchwright.finding import Finding, Stage
from batchwright.folding import Text

ASKED = (
    "The town council met on Monday. “We shall build the bridge in spring,” said the mayor, Ada Hill; nobody spoke"
    " against it.\nThe bridge costs two million. Die Brücke wird im Frühling gebaut. 橋は春に建てられます。"
)


def findings(answer: str, asked: str = ASKED, **settings: Any) -> list[Finding]:
    text = Text(answer)
    subject = Subject(stage=Stage.OUTPUT, texts=[text], asked=lambda: [asked])
    told = Citations(CitationsSettings.model_validate({"then": "review", **settings}))
    if not gate_of(told.gate)(text.folded):
        return []
    return asyncio.run(told.look(subject))


def made_up(answer: str, **settings: Any) -> list[str]:
    folded = Text(answer).folded
    return [folded[each.start : each.end] for each in findings(answer, **settings)]


@pytest.mark.parametrize(
    "answer",
    [
        "No quotation, and nothing to look at.",
        'The mayor said: "We shall build the bridge in spring."',
        'The mayor said: "we SHALL build \u2013 the bridge"?',
        "«We shall build the bridge» says the mayor",
        "»Die Brücke wird im Frühling gebaut.«",
        "„Die Brücke wird im Frühling gebaut.“",
        "「橋は春に建てられます」",
        "> The town council met\n> on Monday.\n\nSo it was.",
        "“The town council met … nobody spoke against it”",
        '"We shall build [it] in spring, said the mayor"',
        'A "word" and "two words" are titles, "or three words" even.',
        'It costs 5" and 7" of wood, and a 9\' ladder.',
        '```\nprint("this is no quotation of anybody at all")\n```',
        '{"quote": "these are strings of JSON and no quotation", "said": "one two three four five"}',
    ],
)
def test_what_stands_in_the_request_is_fine(answer: str) -> None:
    assert made_up(answer) == []


@pytest.mark.parametrize(
    "quote", ["We shall never build a bridge", "spring in bridge the build shall we"]
)
@pytest.mark.parametrize("marks", ["“{}”", '"{}"', "«{}»", "»{}«", "„{}“", "「{}」", "> {}"])
def test_what_does_not_is_found_in_every_kind_of_marks(quote: str, marks: str) -> None:
    (told,) = made_up(f"He said\n{marks.format(quote)}\nand left.")
    assert quote in told


def test_a_part_that_was_put_in_is_found() -> None:
    assert made_up("“The town council met … and everybody cheered loudly”")


def test_words_are_whole() -> None:
    assert made_up('"e town council met on Mon"')


def test_a_quotation_in_json_is_found() -> None:
    text = json.dumps({"summary": 'She wrote "nothing of this was ever said" and left.'})
    assert made_up(text) == ["nothing of this was ever said"]


def test_how_many_words_and_which_marks_are_the_contract_s() -> None:
    answer = '"never ever" and “not at all said”'
    assert made_up(answer) == ["not at all said"]
    assert made_up(answer, min_words=2) == ["not at all said", "never ever"]
    assert made_up(answer, min_words=2, styles=["straight"]) == ["never ever"]


def test_invisible_marks_hide_nothing() -> None:
    assert made_up("“We shall bu\u200bild the bridge”") == []


def test_more_than_can_be_looked_at_is_told() -> None:
    answer = "".join(f'"never said number {n}" ' for n in range(1_100))
    found = findings(answer)
    assert len(found) == 1_001
    assert found[-1].kind == "too_many"


@pytest.mark.parametrize("unit", ["“", '"', ' "a', "«a", "「", ">\n", "```", '\\"a', "“a b c d”"])
def test_no_answer_takes_long(unit: str) -> None:
    began = time.process_time()
    findings(unit * 100_000, asked="word " * 20_000)
    assert time.process_time() - began < 3


def test_quotations_piece_by_piece_out_of_a_long_request_take_no_minutes() -> None:
    asked = "word " * 100_000 + " ".join(f"end{n}" for n in range(100_000))
    pieces = " … ".join(f"end{n}" for n in range(99_500, 100_000))
    answer = "".join(f"“{pieces} … end{n}” " for n in range(300))

    began = time.process_time()
    once = findings(answer, asked=asked)
    spent = time.process_time() - began

    assert spent < 10, "the same piece is sought once"
    assert once == []
    other = "".join(f"“{n} … word … {n} … said … end{n}” " for n in range(900))
    began = time.process_time()
    found = findings(other, asked=asked)
    assert time.process_time() - began < 10
    assert found[-1].kind == "too_many", "what was not sought is told"


WORDS = st.lists(st.sampled_from(["ab", "ba", "a", "b"]), min_size=4, max_size=8)


@given(WORDS, WORDS)
def test_exactly_what_occurs_is_fine(asked: list[str], quoted: list[str]) -> None:
    occurs = f" {' '.join(quoted)} " in f" {' '.join(asked)} "
    found = findings(f"“{', '.join(quoted)}!”", asked=" ".join(asked))
    assert (found == []) == occurs
