"""Deciding about held records: once each, whatever two reviewers or a crash do in between."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.decision import Word, checked
from batchwright.errors import Missing
from batchwright.job import Pin
from batchwright.marked import REMOTE, marked, places_of, shown, visible
from batchwright.places import QUARANTINE, result_key
from batchwright.reviewing import Decided, Review, Reviewer
from tests.fakes import MODEL, ListedLedger, MemoryObjects
from tests.laptop import Laptop, chat_line, jsonl

CONTRACT = f"""
name: looked
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
filters: {{output: [{{regex: {{patterns: {{codename: "Zeus"}}, then: review}}}}]}}
"""
ADA, BOB = Reviewer("Ada", "arn:aws:iam::1:user/ada"), Reviewer("Bob", None)


class Died(BaseException):
    """What kill -9 would look like from inside."""


@dataclass
class Interrupted(MemoryObjects):
    """A bucket in which something happens just before a file grows."""

    before: list[Callable[[str], None]] = field(default_factory=list)
    streamed: list[str] = field(default_factory=list)
    """Which keys were read as a stream."""

    def __post_init__(self) -> None:
        super().__init__()

    def swap(self, key: str, content: bytes, seen: Pin | None) -> None:
        if self.before:
            self.before.pop(0)(key)
        super().swap(key, content, seen)

    def blocks(self, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        self.streamed.append(pin.key)
        return super().blocks(pin, start=start)


@dataclass
class Bench:
    """A job of three records that are held."""

    laptop: Laptop
    objects: Interrupted
    job_id: str

    @property
    def review(self) -> Review:
        ledger, clock = self.laptop.ledger, self.laptop.clock
        return Review(self.job_id, 0, self.objects, ledger, clock)

    def decide(self, record_id: str, word: Word, reviewer: Reviewer = ADA) -> Decided:
        outcome = self.review.find(record_id).outcome
        (decided,) = self.review.decide([outcome], word, "it is so", reviewer)
        return decided

    def deciding(self, record_id: str, word: Word) -> Callable[[str], None]:
        """Let Bob decide, whenever it is called."""

        def bob(_key: str) -> None:
            assert self.decide(record_id, word, BOB).new

        return bob

    def released(self) -> list[str]:
        try:
            lines = self.objects.lines(result_key(self.job_id, "released.jsonl"))
        except Missing:
            return []
        return [json.loads(line)["custom_id"] for line in lines]

    def ledger(self) -> list[tuple[str, int | None]]:
        assert isinstance(self.laptop.ledger, ListedLedger)
        told = [json.loads(each.content) for each in self.laptop.ledger.appended]
        return [(each["kind"], each.get("index")) for each in told]


@pytest.fixture
def bench() -> Bench:
    objects = Interrupted()
    laptop = Laptop(objects=objects)
    laptop.put_contract("looked", CONTRACT)
    lines = [chat_line(f"r{number}", f"Zeus {number}") for number in range(3)]
    job_id = laptop.run(jsonl(lines), "inbox/looked/file.jsonl").job_id
    return Bench(laptop, objects, job_id)


def test_of_two_reviewers_the_second_sees_what_the_first_decided(bench: Bench) -> None:
    bench.objects.before = [bench.deciding("r1", Word.REJECT)]
    decided = bench.decide("r1", Word.RELEASE)
    assert (decided.new, decided.decision.decision) == (False, Word.REJECT)
    assert decided.decision.by == "Bob"
    assert bench.released() == []
    assert bench.ledger() == [("close", None), ("reject", 1)]


def test_of_two_reviewers_of_two_records_both_are_heard(bench: Bench) -> None:
    bench.objects.before = [
        lambda _: None,
        bench.deciding("r2", Word.RELEASE),
    ]
    assert bench.decide("r1", Word.RELEASE).new
    assert sorted(bench.released()) == ["r1", "r2"]
    assert sorted(bench.ledger()) == [("close", None), ("release", 1), ("release", 2)]


def dies(_key: str) -> None:
    raise Died


def test_whoever_decides_next_finishes_what_a_crash_left(bench: Bench) -> None:
    bench.objects.before = [lambda _: None, dies]
    with pytest.raises(Died):
        bench.decide("r1", Word.RELEASE)
    assert bench.released() == []
    bench.decide("r2", Word.RELEASE, BOB)
    assert sorted(bench.released()) == ["r1", "r2"]
    assert bench.ledger().count(("release", 1)) == 1


def test_the_same_decision_again_finishes_itself(bench: Bench) -> None:
    bench.objects.before = [lambda _: None, dies]
    with pytest.raises(Died):
        bench.decide("r1", Word.RELEASE)
    assert not bench.decide("r1", Word.RELEASE, BOB).new
    assert bench.released() == ["r1"]


def test_what_the_quarantine_lost_does_not_keep_others_from_their_release(bench: Bench) -> None:
    bench.objects.before = [lambda _: None, dies]
    with pytest.raises(Died):
        bench.decide("r1", Word.RELEASE)
    (key,) = bench.objects.keys(f"{QUARANTINE}{bench.job_id}/000000001")
    bench.objects.delete(key)
    bench.decide("r2", Word.RELEASE)
    assert bench.released() == ["r2"]


def test_a_lost_reply_is_no_decision_of_somebody_else(bench: Bench) -> None:
    def written_but_not_heard(key: str) -> None:
        content = bench.review.find("r1").outcome
        (decided,) = bench.review.decide([content], Word.RELEASE, "it is so", ADA)
        assert decided.new
        assert key.endswith("decisions.jsonl")

    bench.objects.before = [written_but_not_heard]
    assert bench.decide("r1", Word.RELEASE).new, "the line is the same, to the millisecond"


def test_a_record_that_is_named_twice_is_decided_once(bench: Bench) -> None:
    outcome = bench.review.find("r1").outcome
    decided = [*bench.review.decide([outcome, outcome], Word.RELEASE, "so", ADA)]
    assert [(each.decision.record_id, each.new) for each in decided] == [("r1", True)]
    assert len(bench.objects.lines(result_key(bench.job_id, "decisions.jsonl"))) == 1
    assert bench.released() == ["r1"]


def test_many_records_are_found_in_one_reading(bench: Bench) -> None:
    bench.objects.streamed.clear()
    found = bench.review.find_all(["r2", "r0", "r2"])
    assert [each.outcome.record_id for each in found] == ["r2", "r0"], "as named, each once"
    assert bench.objects.streamed == [result_key(bench.job_id, "outcomes.jsonl")]


def test_of_many_records_the_one_that_nobody_held_is_told(bench: Bench) -> None:
    with pytest.raises(Missing, match="holds no record 'r9'"):
        bench.review.find_all(["r1", "r9"])


def test_hundreds_are_few_writes(bench: Bench) -> None:
    outcomes = [each.outcome for each in bench.review.waiting()]
    assert all(each.new for each in bench.review.decide(outcomes, Word.RELEASE, "so", ADA))
    key = result_key(bench.job_id, "decisions.jsonl")
    assert len(bench.objects.versions[key]) == 1
    assert bench.released() == ["r0", "r1", "r2"]


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a\x1b[2J", "a\u202eb", "a" * 201])
def test_names_and_reasons_are_one_line_that_can_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="the reason"):
        checked(text, "the reason", 200)


places = st.lists(st.tuples(st.integers(-2, 40), st.integers(-2, 40), st.sampled_from("abc")))


@given(text=st.text(max_size=30), found=places)
def test_pieces_put_together_are_the_text_and_nothing_in_them_is_unseen(
    text: str, found: list[tuple[int, int, str]]
) -> None:
    pieces = marked(text, found)
    together = "".join(
        chr(int(p.text.replace("U+", "0x"), 0)) if p.unseen else p.text for p in pieces
    )
    assert together == text
    said = "".join(piece.text for piece in pieces).replace("\r\n", "\n")
    assert said.replace("\n", "").replace("\t", "") == visible(
        said.replace("\n", "").replace("\t", "")
    )


@given(text=st.text(min_size=1, max_size=30), found=places)
def test_what_was_found_is_marked_and_nothing_else(
    text: str, found: list[tuple[int, int, str]]
) -> None:
    place = 0
    for piece in marked(text, found):
        length = 1 if piece.unseen else len(piece.text)
        for each in range(place, place + length):
            within = {k for start, end, k in found if 0 <= start <= each < end <= len(text)}
            assert set(piece.kinds) == within
        place += length


def held_with(*findings: tuple[str, str, str, str]) -> dict[str, Any]:
    return {
        "stage": "output",
        "asked": ["ask Zeus"],
        "answered": ["say Zeus"],
        "findings": [
            {"stage": stage, "filter": name, "kind": kind, "part": 0, "start": 4, "end": 8, "verdict": verdict}
            for stage, name, kind, verdict in findings
        ],
    }  # fmt: skip


def test_what_was_redacted_before_it_was_asked_marks_nothing_in_what_was_asked() -> None:
    held = held_with(("input", "regex", "a", "redact"), ("output", "regex", "b", "review"))
    texts = shown(held)
    assert [piece.kinds for piece in texts["asked"][0]] == [()]
    assert [piece.kinds for piece in texts["answered"][0]] == [(), ("b",)]


def test_services_are_told_from_local_filters() -> None:
    assert {"judge", "guardrail"} <= REMOTE
    assert not {"regex", "length", "terms"} & REMOTE


def test_the_places_of_a_service_that_saw_a_redacted_text_mark_nothing() -> None:
    found = ("output", "regex", "a", "redact"), ("output", "judge", "b", "review")
    held = held_with(*found)
    assert places_of(held, "output", 0) == [(4, 8, "a")]  # type: ignore[arg-type]
