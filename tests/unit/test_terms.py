"""Word lists."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from batchwright.contractfile import read_contract
from batchwright.errors import ContractInvalid
from batchwright.filters.filter import LocalFilter
from batchwright.filters.gate import gate_of
from batchwright.filters.lookalikes import skeleton
from batchwright.filters.terms import Parts, Terms, with_lists
from batchwright.folding import Text
from tests.fakes import MODEL


def found(terms: LocalFilter, written: str) -> list[str]:
    """Return what is found, as the gate lets it."""
    text = Text(written).folded
    if not gate_of(terms.gate)(text):
        return []
    return [text[each.start : each.end] for each in terms.find(text, 0)]


TERMS = Terms(["casino", "New York", "c++", "Straße", "rolex watch", "new york city", "Пётр"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the CASINO is open", ["CASINO"]),
        ("casinos and occasino", []),
        ("from New\n York.", ["New\n York"]),
        ("New York City, new york", ["New York City", "new york"]),
        ("New Yorker, newyork", []),
        ("C++ and C", ["C++"]),
        ("in der STRAßE", ["STRAßE"]),
        ("the c\u0430sin\u043e", ["c\u0430sin\u043e"]),
        ("cas\u200bino", ["casino"]),
        ("ｃａｓｉｎｏ", ["casino"]),  # noqa: RUF001
        ("ПЁТР", ["ПЁТР"]),
        ("", []),
    ],
)
def test_terms_are_found_as_words_in_any_letters(text: str, expected: list[str]) -> None:
    assert found(TERMS, text) == expected


def test_parts_of_words_are_found_where_that_is_wished() -> None:
    parts = Parts(["彩票", "casino", "casino bonus"])
    assert found(parts, "在线彩票网站 OnlineCasinoBonus Casino  bonus") == [
        "彩票",
        "CasinoBonus",
        "Casino  bonus",
    ]


@given(st.text(max_size=60))
def test_a_skeleton_has_the_length_of_its_text_and_is_its_own(text: str) -> None:
    assert len(skeleton(text)) == len(text)
    assert skeleton(skeleton(text)) == skeleton(text)


@given(
    st.lists(
        st.text(min_size=1, max_size=8).filter(lambda t: any(map(str.isalnum, t))),
        min_size=1,
        max_size=5,
    ),
    st.data(),
)
def test_every_term_is_found_where_it_stands_alone(words: list[str], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(words))
    terms = Terms(words)
    assert found(terms, f". {word} .")


def test_ten_thousand_terms_are_found_in_a_megabyte() -> None:
    terms = Terms([f"term{number}x part{number}" for number in range(10_000)])
    text = "term1x term2x part2 and so on " * 33_000
    assert len(terms.find(text, 0)) == 33_000


LISTED = f"""
name: listed
routes: [{{model: "{MODEL}"}}]
filters: {{output: [{{terms: {{file: terms.txt, then: block}}}}, {{length: {{max_chars: 5}}}}]}}
"""


def test_a_list_is_taken_in() -> None:
    files = {"terms.txt": "\ufeffone # the first\n\n# nothing\n two words \n".encode()}
    fields = with_lists(yaml.safe_load(LISTED), files.__getitem__)
    assert fields["filters"]["output"] == [
        {"terms": {"then": "block", "words": ["one", "two words"]}},
        {"length": {"max_chars": 5}},
    ]


def test_a_list_that_was_not_taken_in_is_refused_with_what_to_do() -> None:
    with pytest.raises(ContractInvalid, match="batchwright contract put"):
        read_contract(LISTED.encode(), name="listed")


def test_terms_without_any_are_refused() -> None:
    text = LISTED.replace("file: terms.txt", "words: [' ']")
    with pytest.raises(ContractInvalid, match=r"output\.0\.terms: .*say words"):
        read_contract(text.encode(), name="listed")
