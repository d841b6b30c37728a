"""Texts cut for services: nothing is lost, nothing is too long, and places lead back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.filters.segments import OVERLAP, Segment, packed, segments
from batchwright.folding import Text

LETTERS = st.sampled_from("ab .!?\n\u3002\u00e9\U0001f600")


def pieces(text: str, most: int, *, in_bytes: bool = False) -> list[Segment]:
    return [*segments([Text(text)], most, in_bytes=in_bytes)]


@given(st.text(LETTERS, max_size=300), st.integers(8, 60), st.booleans())
def test_every_letter_is_looked_at_where_it_stands(text: str, most: int, in_bytes: bool) -> None:
    seen = set[int]()
    for piece in pieces(text, most, in_bytes=in_bytes):
        size = len(piece.text.encode()) if in_bytes else len(piece.text)
        assert size <= most
        assert Text(text).folded[piece.start : piece.start + len(piece.text)] == piece.text
        seen |= {*range(piece.start, piece.start + len(piece.text))}
    assert {n for n, letter in enumerate(text) if not letter.isspace()} <= seen


def test_a_cut_is_made_where_a_sentence_ends() -> None:
    text = "He came. She saw it? They won (all)! Then they left"
    assert [piece.text for piece in pieces(text, 24)] == [
        "He came. She saw it?",
        " They won (all)!",
        " Then they left",
    ]


def test_where_no_sentence_ends_pieces_overlap() -> None:
    first, second, *_ = pieces("x" * 1500, 1000)
    assert (first.start, len(first.text)) == (0, 1000)
    assert second.start == 1000 - OVERLAP


def test_a_value_on_a_cut_is_whole_in_one_piece() -> None:
    text = "word " * 199 + "4111 1111 1111 1111 " + "word " * 100
    assert any("4111 1111 1111 1111" in piece.text for piece in pieces(text, 1000))


def test_a_hostile_text_of_five_megabytes_is_cut_at_once() -> None:
    for text in ("." * 5_000_000, "x" * 5_000_000, ".)" * 2_500_000):
        assert sum(1 for _ in segments([Text(text)], 25_000)) < 420


def test_empty_texts_are_left_out_and_the_others_keep_their_number() -> None:
    found = segments([Text(""), Text(" \n"), Text("b")], 10)
    assert [(piece.part, piece.text) for piece in found] == [(2, "b")]


def test_pieces_are_packed_as_many_as_fit() -> None:
    found = packed(segments([Text("aaaa"), Text("bbbb"), Text("cccc")], 10), 10)
    assert [[piece.text for piece in pack] for pack in found] == [["aaaa", "bbbb"], ["cccc"]]


@pytest.mark.parametrize("place", [(-1, 2), (2, 2), (3, 99)])
def test_a_place_that_is_not_in_the_piece_is_none(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no such place"):
        Segment(0, 5, "hello").found("word", *place)
