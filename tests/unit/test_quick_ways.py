"""What filters find by a quick way is what they would find by the plain one, which stands here as the oracle."""

import re
import zlib
from pathlib import Path
from typing import Any

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from batchwright.filters import repetition
from batchwright.filters.language import _CODE, _words
from batchwright.filters.recognisers.checksums import mod97
from batchwright.filters.recognisers.ibans import _BEGINS
from batchwright.filters.recognisers.kinds import NUMBERS
from batchwright.filters.recognisers.numbers import longest_of
from batchwright.filters.recognisers.phones import _runs
from batchwright.filters.recognisers.recogniser import Reading
from batchwright.filters.recognisers.words import BEHIND, Words

HANDBOOK = (Path(__file__).parents[2] / "docs/samples/handbook.md").read_text()
# What the shapes of texts are made of; a question mark stands for every letter beyond ASCII.
SHAPES = st.text(alphabet="9999AA -.()+/?*", max_size=60).map(str.encode)
WRITTEN = sorted({shape for number in NUMBERS for shape in (*number.shapes, *number.plain)})


def spans(pattern: Any, shape: bytes) -> list[tuple[int, int]]:
    return [found.span() for found in pattern.finditer(shape)]


def in_re2(pattern: bytes, *, longest: bool = False) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.longest_match = longest
    return re2.compile(pattern, options)


NUMBER = re.compile(longest_of(WRITTEN).encode())
NUMBER_PLAINLY = in_re2(rf"\b(?:{'|'.join(map(re.escape, WRITTEN))})\b".encode(), longest=True)
RUNS_PLAINLY = in_re2(rb"\(?\+?\(?9(?:[ ()./-]{0,3}9){6,}")
IBANS_PLAINLY = in_re2(rb"\bAA99[ -]?[9A]{4}")


@given(
    st.one_of(SHAPES, st.lists(st.sampled_from(WRITTEN), max_size=5).map(" ".join).map(str.encode))
)
def test_the_tree_of_shapes_finds_the_longest_of_them(shape: bytes) -> None:
    assert spans(NUMBER, shape) == spans(NUMBER_PLAINLY, shape)


@pytest.mark.parametrize("written", WRITTEN)
def test_every_shape_is_in_the_tree(written: str) -> None:
    assert spans(NUMBER, f"AAAA; {written}, 9".encode()) == [(6, 6 + len(written))]


@given(SHAPES)
def test_runs_of_digits_begin_with_the_same_marks(shape: bytes) -> None:
    assert [*_runs(shape)] == spans(RUNS_PLAINLY, shape)


@given(SHAPES)
def test_account_numbers_begin_at_the_same_places(shape: bytes) -> None:
    assert spans(_BEGINS, shape) == spans(IBANS_PLAINLY, shape)


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=40))
def test_letters_count_as_numbers_of_base_36(value: str) -> None:
    assert mod97(value) is (int("".join(str(int(each, 36)) for each in value)) % 97 == 1)


@given(st.one_of(st.text(max_size=90), st.text(alphabet="Ab é1.:/\n\t", max_size=90)))
def test_words_of_code_are_told_one_by_one_only_where_there_are_any(passage: str) -> None:
    code = [word.isascii() and bool(_CODE.search(word)) for word in passage.split()]
    words = zip(passage.split(), code, strict=True)
    assert _words(passage) == [word for word, is_code in words if not is_code]


NEAR = Words({"phone": ["tel", "call"], "ssn": ["social security"], "uk_nhs": ["NHS"]})
BESIDE = [
    "tel",
    "TEL.",
    "hotel",
    "calls",
    "call's",
    "Social",
    "security",
    "social_security",
    "nhs",
    "n9hs",
    "\x1c",
    "-",
]


@given(st.lists(st.sampled_from(BESIDE), max_size=24).map(" ".join), st.integers(0, 130))
def test_words_near_a_place_are_the_same_whether_a_text_is_ascii_or_not(
    text: str, start: int
) -> None:
    plainly = Reading(text + "é")  # far behind, and in no word
    place = start, start + 5
    if len(text) >= start + 5 + BEHIND:
        assert NEAR.near(Reading(text), *place) == NEAR.near(plainly, *place)


def goes_round_plainly(stretch: str) -> bool:
    words = stretch.split()
    if len(words) >= 20 and len(set(words)) > 0.5 * len(words):
        return False
    written = stretch.encode("utf-8", "surrogatepass")
    if len(zlib.compress(written, 1)) > 0.35 * len(written):
        return False
    runs = [stretch[place : place + 12] for place in range(len(stretch) - 11)]
    return len(set(runs)) <= 0.25 * len(runs)


@st.composite
def stretches(draw: st.DrawFn) -> str:
    """Draw prose that goes round sooner or later, with letters changed here and there."""
    place = draw(st.integers(0, len(HANDBOOK) - 700))
    unit = HANDBOOK[place : place + draw(st.integers(1, 700))]
    letters = [*(unit * 2_000)[: draw(st.integers(200, 2_000))]]
    for at in draw(st.lists(st.integers(0, len(letters) - 1), max_size=60)):
        letters[at] = draw(st.sampled_from("aeiou .é日"))
    return "".join(letters)


@given(st.one_of(stretches(), st.text(alphabet="ab \n", min_size=200, max_size=400)))
def test_a_loop_is_told_without_counting_what_is_none(stretch: str) -> None:
    assert repetition._goes_round(stretch) is goes_round_plainly(stretch)


# A unit as long just goes round in 2,000 characters, or just does not.
@pytest.mark.parametrize("length", [*range(480, 520, 3)])
def test_the_bound_of_a_loop_is_the_same(length: int) -> None:
    stretch = (HANDBOOK[:length] * 5)[:2_000]
    assert repetition._goes_round(stretch) is goes_round_plainly(stretch)
