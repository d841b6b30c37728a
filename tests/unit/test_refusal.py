"""Answers in which the model declined: held to lists of our own."""

from pathlib import Path

import pytest

from batchwright.filters.gate import gate_of
from batchwright.filters.refusal import Refusal
from batchwright.folding import Text

TEXTS = Path(__file__).parents[1] / "texts"
REFUSAL = Refusal()
GATE = gate_of(REFUSAL.gate)


def lines(name: str) -> list[str]:
    return (TEXTS / name).read_text().splitlines()


def refused(text: str) -> bool:
    folded = Text(text).folded
    return bool(GATE(folded)) and bool(REFUSAL.find(folded, 0))


def share(name: str) -> float:
    texts = lines(name)
    return sum(map(refused, texts)) / len(texts)


def test_the_lists_are_as_long_as_the_documents_say() -> None:
    assert (len(lines("refusals.txt")), len(lines("clean.txt"))) == (197, 283)
    assert (len(lines("refusals.unseen.txt")), len(lines("clean.unseen.txt"))) == (24, 24)


def test_most_refusals_are_found_and_next_to_nothing_else() -> None:
    assert share("refusals.txt") >= 0.93
    assert share("clean.txt") <= 0.008


def test_lists_that_the_patterns_were_not_made_from_fare_nearly_as_well() -> None:
    assert share("refusals.unseen.txt") >= 0.75
    assert share("clean.unseen.txt") <= 0.05


def test_a_finding_tells_where_and_how_sure() -> None:
    text = "Oh dear. I'm sorry, but I can't help with that."
    (found,) = REFUSAL.find(text, 3)
    assert (found.kind, found.part) == ("refusal", 3)
    assert text[found.start : found.end] == "sorry, but I can't help"
    assert found.confidence == 0.93


def test_what_is_said_late_in_a_long_answer_weighs_little() -> None:
    said, words = "I can't help with that.", "All is well that ends well. "
    assert refused(said + words * 100)
    assert refused(words * 20 + said)
    assert not refused(words * 100 + said)


@pytest.mark.parametrize("mark", ["\u2019", "'", "\u02bc"])
def test_every_apostrophe_is_read(mark: str) -> None:
    assert refused(f"I can{mark}t help with that.")


def test_no_text_takes_long() -> None:
    for text in ("I can't " * 200_000, "ich kann " * 200_000, "我" * 500_000, " " * 500_000):
        REFUSAL.find(text, 0)
