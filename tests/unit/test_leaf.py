"""The leaf of a record."""

import json
from copy import replace
from typing import Any

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from batchwright.digest import digest
from batchwright.leaf import Salt, canonical, commitment, envelope_of, leaf_of
from batchwright.merkle import leaf_hash
from batchwright.outcome import Ending, Outcome
from batchwright.usage import Usage
from tests.fakes import SALT
from tests.laptop import Laptop, chat_file

OUTCOME = Outcome(
    index=7,
    line=8,
    record_id="r7",
    status=Ending.SUCCEEDED,
    model="m",
    attempts=2,
    request_digest="ab" * 32,
    contract_digest="cd" * 32,
    input_digest=digest(b"in"),
    output_digest=digest(b"out"),
    at="2026-11-29T12:00:00Z",
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
)


@given(VALUES)
def test_the_quick_canonical_form_is_that_of_rfc_8785(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_a_leaf_commits_to_what_was_asked_answered_and_decided() -> None:
    salt = Salt(SALT)
    leaf = leaf_of("job", OUTCOME, salt)
    envelope = envelope_of("job", OUTCOME, salt.of(7), OUTCOME.facts())
    assert leaf == leaf_hash(canonical(envelope))
    changes: dict[str, Any] = {
        "index": 8,
        "record_id": "r8",
        "status": Ending.FAILED,
        "model": "n",
        "attempts": 3,
        "request_digest": "ac" * 32,
        "contract_digest": "ce" * 32,
        "input_digest": digest(b"other"),
        "output_digest": None,
        "verdict": "pass",
        "findings": [{"confidence": 1.0}],
        "held": "ef" * 32,
        "error": {"code": "timed_out"},
        "usage": Usage(input_tokens=9),
        "cost_usd": 0.5,
        "cached": True,
        "latency_ms": 9,
        "at": "2026-11-29T13:00:00Z",
    }
    others = {
        leaf_of("job", replace(OUTCOME, **{name: value}), salt) for name, value in changes.items()
    }
    others |= {leaf_of("job2", OUTCOME, salt), leaf_of("job", OUTCOME, Salt("00" * 32))}
    assert len(others | {leaf}) == len(changes) + 3


def test_a_leaf_is_the_same_when_it_stands_among_the_facts_already() -> None:
    leaf = leaf_of("job", OUTCOME, Salt(SALT))
    sealed = replace(OUTCOME, leaf=leaf.hex())
    assert leaf_of("job", sealed, Salt(SALT)) == leaf_of("job", sealed, Salt(SALT), sealed.facts())
    assert leaf_of("job", sealed, Salt(SALT)) == leaf


def test_without_the_salt_nothing_can_be_tried() -> None:
    told = json.dumps(envelope_of("job", OUTCOME, Salt(SALT).of(7), OUTCOME.facts()))
    for guess in (
        OUTCOME.input_digest,
        OUTCOME.output_digest,
        OUTCOME.request_digest,
        digest(b"r7"),
        digest(OUTCOME.facts()),
    ):
        assert guess is not None
        assert guess not in told


def test_a_commitment_opens_with_the_record_s_own_salt() -> None:
    salt = Salt(SALT).of(7)
    assert commitment(salt, digest(b"in")) == digest(salt + bytes.fromhex(digest(b"in")))
    assert Salt(SALT).of(8) != salt
    assert commitment(salt, None) is None


def test_every_outcome_of_a_job_has_its_leaf() -> None:
    laptop = Laptop()
    job_id = laptop.run(chat_file(3)).job_id
    lines = laptop.objects.lines("inbox/file.jsonl")
    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert [each["input_digest"] for each in outcomes] == [digest(line) for line in lines]
    assert all(len(each["leaf"]) == 64 for each in outcomes)
    assert len({each["leaf"] for each in outcomes}) == 3
