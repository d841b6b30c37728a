"""Texts as filters read them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.folding import Text

CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    "hidden",
    [
        "4111\u200b 1111 11\u200d11 1111",
        "\u202e4111 1111\u202c 1111 1111",
        "４１１１ １１１１ １１１１ １１１１",  # noqa: RUF001 - fullwidth digits are the point
        "4111\u00a01111\u20031111\u202f1111",
        "٤١١١ ١١١١ ١١١١ ١١١١",  # noqa: RUF001
        "4111 1111 1111 11\u00ad11",
        "4111\ufe0f 1111 1111 1111",
        "𝟺𝟷𝟷𝟷 𝟷𝟷𝟷𝟷 𝟷𝟷𝟷𝟷 𝟷𝟷𝟷𝟷",  # noqa: RUF001
    ],
)
def test_what_a_reader_reads_as_a_number_is_one(hidden: str) -> None:
    assert Text(hidden).folded.strip() == CARD


def test_dashes_and_quotes_of_typographers_are_plain_ones() -> None:
    assert Text("078\u201105\u20131120").folded == "078-05-1120"


def test_ordinary_letters_of_any_language_stay() -> None:
    for text in ("Zürich, Ærø, naïve", "漢字かな交じり文", "Привет", "שלום"):
        assert Text(text).folded == text


def test_a_span_takes_the_invisible_with_it() -> None:
    text = Text("card 41\u200b11!")
    start = text.folded.index("4111")
    begin, end = text.span(start, start + 4)
    assert text.raw[begin:end] == "41\u200b11"


@given(st.text())
def test_every_place_of_the_folded_text_has_one_in_the_written(raw: str) -> None:
    text = Text(raw)
    last = 0
    for place in range(len(text.folded)):
        start, end = text.span(place, place + 1)
        assert last <= start < end <= len(raw)
        last = start


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Z"])))
def test_folding_twice_is_folding_once(raw: str) -> None:
    once = Text(raw).folded
    assert Text(once).folded == once


@given(st.text(alphabet="0123456789-ab", min_size=1), st.data())
def test_nothing_invisible_hides_anything(plain: str, data: st.DataObject) -> None:
    places = st.lists(st.integers(0, len(plain)), max_size=5)
    marks = st.sampled_from(
        [c for c in map(chr, range(0x2000, 0x2070)) if unicodedata.category(c) == "Cf"]
    )
    raw = plain
    for place in data.draw(places):
        raw = raw[:place] + data.draw(marks) + raw[place:]
    assert Text(raw).folded == plain
