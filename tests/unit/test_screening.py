"""One stage of filters: what follows from findings."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.errors import AccessDenied
from batchwright.filters import Filter, FilterSettings, Means, Subject
from batchwright.filters.gate import gate_of
from batchwright.finding import Finding, Stage, Verdict
from batchwright.folding import Text
from batchwright.placeholders import Placeholders
from batchwright.screening import Screen, Screened

type Look = Callable[[Subject], list[Finding]]


@dataclass
class Looking:
    """A filter that does what a test says."""

    act: Look
    gate: Sequence[str] = ()

    async def look(self, subject: Subject) -> list[Finding]:
        return self.act(subject)


class Settings(FilterSettings):
    """Settings that make such a filter."""

    made: Any = None

    def filter(self, means: Means) -> Filter:  # noqa: ARG002
        made: Filter = self.made
        return made


class RemoteSettings(Settings):
    """The same of one that asks a service."""

    remote: ClassVar[bool] = True


def words(pattern: str, kind: str = "word") -> Look:
    """Find a pattern, and be sure of it."""

    def look(subject: Subject) -> list[Finding]:
        return [
            Finding(kind=kind, part=part, start=found.start(), end=found.end())
            for part, text in enumerate(subject.texts)
            for found in re.finditer(pattern, text.folded)
        ]

    return look


def nothing(_: Subject) -> list[Finding]:
    return []


def raising(fault: Exception) -> Look:
    def look(_: Subject) -> list[Finding]:
        raise fault

    return look


def settings(act: Look, then: str = "redact", **more: Any) -> FilterSettings:
    kind = RemoteSettings if more.pop("remote", False) else Settings
    gate = more.pop("gate", ())
    return kind.model_validate({"then": then, "made": Looking(act, gate), **more})


def screened(text: str | list[str], *filters: FilterSettings) -> Screened:
    texts = [text] if isinstance(text, str) else text
    screen = Screen(Stage.OUTPUT, [(f"f{n}", each) for n, each in enumerate(filters)], Means())
    subject = Subject(stage=Stage.OUTPUT, texts=[Text(each) for each in texts])
    return asyncio.run(screen.look(subject, Placeholders()))


def test_nothing_found_lets_pass() -> None:
    result = screened("hello", settings(nothing, "block"))
    assert (result.verdict, result.noted, result.texts) == (Verdict.PASS, [], {})


def test_a_finding_that_passes_is_noted_and_changes_nothing() -> None:
    result = screened("hello", settings(words("ell"), "pass"))
    assert (result.verdict, result.texts) == (Verdict.PASS, {})
    assert [each.to_json() for each in result.noted] == [
        {
            "stage": "output",
            "filter": "f0",
            "kind": "word",
            "part": 0,
            "start": 1,
            "end": 4,
            "confidence": 1.0,
            "verdict": "pass",
        }
    ]


def test_the_same_value_has_the_same_number_and_another_the_next() -> None:
    result = screened("4111 and 5555 and 41-11", settings(words(r"\d\d-?\d\d", "card")))
    assert result.texts == {"4111 and 5555 and 41-11": "[CARD_1] and [CARD_2] and [CARD_1]"}


def test_findings_that_overlap_become_one_of_the_longest_kind() -> None:
    result = screened("abcdef", settings(words("bcde", "long")), settings(words("ef|ab", "short")))
    assert result.texts == {"abcdef": "[LONG_1]"}


def test_the_strictest_verdict_holds_whatever_the_order() -> None:
    every = [settings(words("x"), then) for then in ("pass", "redact", "review", "block")]
    assert screened("x", *every).verdict is Verdict.BLOCK
    assert screened("x", *reversed(every)).verdict is Verdict.BLOCK
    assert screened("x", *every[:3]).verdict is Verdict.REVIEW


def test_what_is_withheld_is_not_rewritten() -> None:
    assert screened("x", settings(words("x")), settings(words("x"), "review")).texts == {}


@pytest.mark.parametrize("fault", [ValueError("secret"), RecursionError(), MemoryError()])
def test_a_filter_that_raises_holds_the_record(fault: Exception) -> None:
    result = screened("x", settings(raising(fault), "pass"))
    assert result.verdict is Verdict.REVIEW
    assert [each.finding for each in result.noted] == [Finding(kind="filter_failed")]


@pytest.mark.parametrize("place", [(0, 2), (-1, 1), (1, 1), (5, 9)])
def test_a_filter_that_tells_a_place_that_is_not_there_holds_the_record(
    place: tuple[int, int],
) -> None:
    odd = Finding(kind="odd", start=place[0], end=place[1])
    assert screened("x", settings(lambda _: [odd])).verdict is Verdict.REVIEW


def test_what_cannot_be_taken_out_is_held() -> None:
    assert screened("x", settings(lambda _: [Finding(kind="tone")])).verdict is Verdict.REVIEW


def test_what_stops_the_job_stops_it() -> None:
    with pytest.raises(AccessDenied):
        screened("x", settings(raising(AccessDenied("no")), "pass"))


def test_a_gate_that_nothing_meets_spares_the_look() -> None:
    failing = settings(raising(ValueError()), gate=[r"\d{4}", "@"])
    assert screened("hello", failing).verdict is Verdict.PASS
    assert screened(["hello", "a@b"], failing).verdict is Verdict.REVIEW


def test_a_gate_is_compiled_once_for_all_chunks_of_a_job() -> None:
    assert gate_of([r"\d{4}", "@"]) is gate_of(each for each in (r"\d{4}", "@"))
    assert gate_of([r"\d{4}"]) is not gate_of(["@"])


def test_gates_of_several_filters_are_told_apart() -> None:
    digits = settings(words(r"\d+", "number"), gate=[r"\d"])
    at = settings(raising(ValueError()), gate=["@"])
    assert screened("12", at, digits).texts == {"12": "[NUMBER_1]"}


def test_a_service_sees_what_is_left_after_redaction() -> None:
    seen: list[str] = []

    def look(subject: Subject) -> list[Finding]:
        seen.extend(text.raw for text in subject.texts)
        return words("left", "rest")(subject)

    result = screened("card 41 left", settings(look, remote=True), settings(words(r"\d+", "card")))
    assert seen == ["card [CARD_1] left"]
    assert result.texts == {"card 41 left": "card [CARD_1] [REST_1]"}


def test_no_service_is_asked_for_what_is_withheld_anyway() -> None:
    remote = settings(raising(AccessDenied("asked")), remote=True)
    assert screened("x", remote, settings(words("x"), "block")).verdict is Verdict.BLOCK


def test_json_stays_json_where_a_number_is_redacted() -> None:
    text = '{"card": 4111111111111111, "say": "4111111111111111 \\" x"}'
    result = screened(text, settings(words(r"\d{16}", "card")))
    assert json.loads(result.texts[text]) == {"card": "[CARD_1]", "say": '[CARD_1] " x'}


def test_json_that_would_break_is_held() -> None:
    assert screened('{"a": 1}', settings(words(r'"a": 1'))).verdict is Verdict.REVIEW


def test_what_is_hidden_by_invisible_marks_goes_with_them() -> None:
    result = screened("no 41\u200b11.", settings(words(r"\d{4}", "card")))
    assert result.texts == {"no 41\u200b11.": "no [CARD_1]."}
    assert (result.noted[0].finding.start, result.noted[0].finding.end) == (3, 8)


@given(st.text(alphabet="ab1\u200b", max_size=20), st.text(alphabet="ab1", min_size=1, max_size=3))
def test_nothing_that_was_to_be_redacted_is_left(text: str, secret: str) -> None:
    result = screened(text, settings(words(re.escape(secret), "s")))
    now = result.texts.get(text, text)
    assert secret not in Text(now.replace("[S_1]", "|")).folded or secret in "S_1"


def test_however_much_is_redacted_it_takes_no_more_time_than_its_length() -> None:
    """Were it the square of its length, this would take minutes: of numbers in JSON, of many texts."""
    numbers = json.dumps([{"id": 17, "card": 4111}] * 20_000)
    many = [f"n{number} 4111" for number in range(20_000)]
    begun = time.process_time()

    for texts in ([numbers], many):
        result = screened(texts, settings(words(r"\b4111\b")))
        assert len(result.noted) == 20_000
        assert len(result.texts) == len(texts)

    assert time.process_time() - begun < 10


@given(st.lists(st.text('a1"\\', max_size=6) | st.just(11), min_size=1))
def test_only_what_stood_outside_of_strings_is_put_into_quotation_marks(
    values: list[str | int],
) -> None:
    text = json.dumps(values)
    ones = [Finding(kind="x", start=at.start(), end=at.end()) for at in re.finditer("1+", text)]

    redacted = Placeholders().redacted(text, ones, quoted=True)

    left = json.loads(re.sub(r"\[X_\d\]", "[X]", redacted))
    assert left == [re.sub("1+", "[X]", str(value)) for value in values]
