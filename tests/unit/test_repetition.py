"""Answers in which a model goes round and round."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.filters.repetition import Repetition, RepetitionSettings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/samples/*.md")])
PROSE = (ROOT / "docs/samples/handbook.md").read_text()


def spans(text: str, least: int = 200) -> list[tuple[int | None, int | None]]:
    return [(each.start, each.end) for each in Repetition(least).find(text, 0)]


@pytest.mark.parametrize(
    "unit",
    [
        "I am sorry. ",
        "The answer is 42, and that is that.\n",
        "ha",
        "x",
        "\n",
        "これは答えです。",
        "ответ ",
        "- [ ] buy milk\n",
        "The first thing to know about the house is that it stands on a hill above the river. " * 3,
    ],
)
def test_what_stands_there_over_and_over_is_found(unit: str) -> None:
    assert spans(unit * (1_200 // len(unit) + 4))


def test_a_loop_at_the_end_of_a_good_answer_is_found_where_it_is() -> None:
    good = PROSE[:2_000]
    ((start, end),) = spans(good + "and so on, " * 400)
    assert start is not None
    assert start >= 1_800
    assert end == len(good) + 4_400


def test_long_paragraphs_that_come_again_are_found() -> None:
    paragraphs = [line for line in PROSE.split("\n") if len(line) > 60]
    assert len(paragraphs) > 5
    assert spans("\n".join([*paragraphs, ""] * 4))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_of_prose_tables_and_code_are_none(page: Path) -> None:
    assert spans(page.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "short " * 20,
        "-" * 120 + PROSE[:600],
        "| name | price |\n|---|---|\n" + "".join(f"| item {n} | {n * 7} |\n" for n in range(90)),
        "".join(f'{{"sku": "A{n:03}", "kind": "tea", "price": {n}}}\n' for n in range(90)),
        ", ".join(str(n) for n in range(900)),
    ],
    ids=["short", "ruler", "table", "rows", "numbers"],
)
def test_what_only_looks_alike_is_none(text: str) -> None:
    assert spans(text) == []


@given(st.text(min_size=1, max_size=80), st.integers(0, 2**32))
def test_any_unit_is_found_behind_any_words(unit: str, seed: int) -> None:
    words = random.Random(seed).sample(PROSE.split(), 60)
    assert spans(f"{' '.join(words)} {unit * (4_000 // len(unit) + 1)}")


def test_the_bound_is_the_contract_s() -> None:
    assert RepetitionSettings.model_validate({"min_chars": 1_000}).verdict.value == "review"
    assert spans("ha " * 100, least=1_000) == []
