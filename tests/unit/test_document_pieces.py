import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchwright.contract import Contract
from batchwright.document import Document
from batchwright.errors import Refused
from batchwright.prompt import Prompt
from batchwright.route import Route
from batchwright.unfolding import document
from batchwright.unfolding.document import Piece, cut, is_document, pieces, texts_of
from tests.fakes import MODEL

HANDBOOK = """# Opening

Switch on the boiler. Fill the grinder with beans.

Wipe the counter.

# Closing

Empty the tray. Count the till! Lock the door.
"""


def blocks_of(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def read(text: str | bytes, **terms: Any) -> list[dict[str, Any]]:
    content = text.encode() if isinstance(text, str) else text
    return [json.loads(line) for line in pieces([content], "handbook.md", Document(**terms))]


def texts(text: str, **terms: Any) -> list[str]:
    return [piece["text"] for piece in read(text, **terms)]


def test_a_document_is_one_piece_where_nothing_is_said() -> None:
    assert read(HANDBOOK) == [
        {"id": "handbook.md", "name": "handbook.md", "part": 1, "text": HANDBOOK, "first_line": 1}
    ]


def test_pieces_are_numbered_and_know_their_first_line() -> None:
    found = read(HANDBOOK, tokens=24)

    assert [(piece["id"], piece["part"], piece["first_line"]) for piece in found] == [
        ("handbook.md#1", 1, 1),
        ("handbook.md#2", 2, 7),
    ]
    assert {piece["name"] for piece in found} == {"handbook.md"}


def test_a_document_that_fits_into_one_piece_has_its_own_name() -> None:
    assert [piece["id"] for piece in read(HANDBOOK, tokens=1000)] == ["handbook.md"]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("aaaa bbbb.\n\ncccc\n# D\n\neeee. ffff gggg hhhh", "cccc\n"),
        ("aaaa bbbb cccc.\n \n\ndddd. eeee ffff gggg hhhh", "cccc.\n \n\n"),
        ('aaaa bbbb cccc dd. "ee!"  ffff gggg hhhh iiii', 'dd. "ee!"  '),
        ("aaaa bbbb cccc dddd eeee ffff gggg hhhh", "eeee ffff "),
        ("a" * 40, "a" * 32),
        ("ä" * 40, "ä" * 16),
        ("a" + "日" * 40, "日" * 10),
        ("日本語" * 2 + "。" + "日本語" * 4, "日本語日本語。"),
    ],
)
def test_a_piece_ends_at_a_heading_else_a_blank_line_else_a_sentence_else_a_word(
    text: str, ends: str
) -> None:
    first, *_ = texts(text, tokens=8)

    assert first.endswith(ends)
    assert text.startswith(first)


def test_a_number_sign_without_a_space_is_no_heading() -> None:
    first, *_ = texts("aaaa bbbb cccc dddd\n#tag eeee ffff gggg hhhh", tokens=8)

    assert first == "aaaa bbbb cccc dddd\n#tag eeee "


def test_the_next_piece_begins_with_the_last_words_of_the_one_before() -> None:
    first, second, *_ = texts(
        "one two three four five six seven eight nine ten", tokens=8, overlap=3
    )

    assert first == "one two three four five six "
    assert second.startswith("five six seven")


def test_where_no_words_are_the_overlap_begins_at_a_character() -> None:
    first, second, *_ = texts("日" * 40, tokens=8, overlap=2)

    assert first == "日" * 10
    assert second == "日" * 10
    assert "".join(texts("日" * 40, tokens=8)) == "日" * 40


def test_pieces_that_say_nothing_are_left_out() -> None:
    assert texts("a" + "\n" * 100 + "b", tokens=8) == ["a" + "\n" * 31, "\n" * 5 + "b"]
    assert read(" \n\n") == []
    assert read("") == []


WORDS = st.text(st.sampled_from("aé日😀 .!\n#\r\t"), max_size=300)
TEXTS = WORDS | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
TERMS = st.integers(1, 30).flatmap(
    lambda tokens: st.tuples(st.just(tokens), st.integers(0, (tokens - 1) // 2))
)


def cut_of(text: str, terms: tuple[int, int], size: int) -> list[Piece]:
    return [*cut(texts_of(blocks_of(text.encode(), size)), *terms)]


@given(text=TEXTS, terms=TERMS, size=st.integers(1, 50))
@example(text="\ufeffa", terms=(1, 0), size=1)
def test_without_what_they_repeat_the_pieces_are_the_whole_text(
    text: str, terms: tuple[int, int], size: int
) -> None:
    found = cut_of(text, terms, size)

    whole = text.removeprefix("\ufeff")
    assert b"".join(piece.text[piece.repeated :] for piece in found).decode() == whole
    for before, piece in pairwise(found):
        assert before.text.endswith(piece.text[: piece.repeated])


@given(text=TEXTS, terms=TERMS, size=st.integers(1, 50))
def test_no_piece_is_over_the_limit_and_each_is_text_that_is_new(
    text: str, terms: tuple[int, int], size: int
) -> None:
    tokens, overlap = terms

    for piece in cut_of(text, terms, size):
        assert piece.text.decode()
        assert len(piece.text) <= 4 * tokens
        assert piece.repeated <= 4 * overlap
        assert piece.repeated < len(piece.text)


@given(text=TEXTS, terms=TERMS, size=st.integers(1, 50))
def test_the_blocks_in_which_a_text_comes_change_nothing(
    text: str, terms: tuple[int, int], size: int
) -> None:
    assert cut_of(text, terms, size) == cut_of(text, terms, 10_000)


@given(text=TEXTS, terms=TERMS)
def test_a_piece_knows_the_line_on_which_it_begins(text: str, terms: tuple[int, int]) -> None:
    content, place = text.removeprefix("\ufeff").encode(), 0

    for piece in cut_of(text, terms, 100):
        begins = place - piece.repeated
        assert piece.first_line == content.count(b"\n", 0, begins) + 1
        place = begins + len(piece.text)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"one\ntwo\xff", 2),
        (b"\xff\xfeo\x00n\x00", 1),
        (b"\xfe\xff\x00o", 1),
        (b"one\ntwo\nth\x00ree", 3),
        ("one\n".encode("utf-16-le"), 1),
        (b"one\ntwo\n\xe6\x97", 3),
        (b"\xed\xa0\x80", 1),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("terms", [{}, {"tokens": 1}])
def test_what_is_not_utf_8_is_refused_with_its_line(
    content: bytes, line: int, size: int, terms: dict[str, int]
) -> None:
    with pytest.raises(Refused) as caught:
        list(pieces(blocks_of(content, size), "a.txt", Document(**terms)))

    assert (caught.value.code, caught.value.line) == ("unsupported_encoding", line)


@given(content=st.binary(), size=st.integers(1, 20), tokens=st.integers(1, 5))
def test_any_bytes_are_text_or_refused(content: bytes, size: int, tokens: int) -> None:
    try:
        found = b"".join(piece.text for piece in cut(texts_of(blocks_of(content, size)), tokens, 0))
    except Refused:
        return
    assert found == content.removeprefix(b"\xef\xbb\xbf")


def test_a_whole_document_is_limited_and_the_way_out_is_told() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"text " * 200_000

    with pytest.raises(Refused, match=r"document\.tokens") as caught:
        list(pieces(endless(), "a.txt", Document()))

    assert caught.value.code == "too_large"


def test_pieces_come_while_the_document_still_streams() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"word " * 1000

    stream = pieces(endless(), "a.txt", Document(tokens=100, overlap=10))

    last = [json.loads(next(stream)) for _ in range(10_000)][-1]
    assert last["id"] == "a.txt#10000"


PLAIN = Contract(name="plain", routes=(Route(model=MODEL),))


@pytest.mark.parametrize(
    ("name", "said", "wanted"),
    [
        ("handbook.md", {}, False),
        ("handbook.md", {"prompt": Prompt(user="{{ text }}")}, True),
        ("HANDBOOK.TXT", {"prompt": Prompt(user="{{ name }} {{ part }}")}, True),
        ("products.txt", {"prompt": Prompt(user="{{ title }}")}, False),
        ("mails.csv", {"prompt": Prompt(user="{{ text }}")}, False),
        ("notes", {"prompt": Prompt(user="{{ text }}"), "document": Document()}, True),
    ],
)
def test_a_document_is_told_by_its_name_or_by_the_contract(
    name: str, said: dict[str, Any], wanted: bool
) -> None:
    assert is_document(name, PLAIN.model_copy(update=said)) is wanted


def test_a_heading_at_the_very_limit_is_seen_whatever_the_block() -> None:
    text = "a" * 31 + "\n###### Late\n"

    assert len("###### ") < document.HEADING_SIGNS
    for size in (31, 32, 33, 39, 40, 41):
        assert cut_of(text, (8, 0), size)[0].text == b"a" * 31 + b"\n"
