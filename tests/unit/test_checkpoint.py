"""Signed checkpoints, against an independent implementation."""

from base64 import b64encode

import pytest
from aics_tlog.checkpoint import parse_checkpoint
from aics_tlog.note import parse_note, parse_vkey, verify_note
from hypothesis import given
from hypothesis import strategies as st

from batchwright.checkpoint import Checkpoint, CheckpointInvalid, PublicKey, read_checkpoint
from batchwright.cli.signatures import verifies
from tests.signers import KeptSigner

SIGNER = KeptSigner()
KEY = SIGNER.public_key()
CHECKPOINT = Checkpoint(origin=KEY.name, size=7, root=b"\x07" * 32)
NOTE = CHECKPOINT.signed(KEY, SIGNER.sign)


def test_a_checkpoint_is_one_that_others_read_and_verify() -> None:
    note = parse_note(NOTE)
    key = parse_vkey(str(KEY))
    assert verify_note(note, [key])
    theirs = parse_checkpoint(note.text)
    assert (theirs.origin, theirs.size, theirs.root) == (KEY.name, 7, CHECKPOINT.root)


@given(st.integers(0, 2**53), st.binary(min_size=32, max_size=32))
def test_what_was_signed_is_read_again(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin=KEY.name, size=size, root=root)
    assert read_checkpoint(checkpoint.signed(KEY, SIGNER.sign), KEY, verifies) == checkpoint


@given(st.integers(0, len(NOTE) - 2), st.sampled_from("0a\n+ A="))
def test_no_letter_can_be_changed(place: int, letter: str) -> None:
    changed = NOTE[:place] + letter + NOTE[place + 1 :]
    if changed == NOTE:
        return
    with pytest.raises(CheckpointInvalid):
        read_checkpoint(changed, KEY, verifies)


def test_another_key_s_signature_is_none() -> None:
    other = KeptSigner(seed=2)
    forged = CHECKPOINT.signed(other.public_key(), other.sign)
    with pytest.raises(CheckpointInvalid, match=f"not signed with the key {KEY.id.hex()}"):
        read_checkpoint(forged, KEY, verifies)
    disguised = CHECKPOINT.signed(KEY, other.sign)
    with pytest.raises(CheckpointInvalid, match="not signed"):
        read_checkpoint(disguised, KEY, verifies)


def test_a_checkpoint_of_another_ledger_is_not_this_one_s() -> None:
    other = Checkpoint(origin="elsewhere", size=7, root=CHECKPOINT.root)
    with pytest.raises(CheckpointInvalid, match="another ledger"):
        read_checkpoint(other.signed(KEY, SIGNER.sign), KEY, verifies)


def test_further_signatures_do_no_harm() -> None:
    witness = "\N{EM DASH} witness " + b64encode(b"x" * 68).decode() + "\n"
    assert read_checkpoint(NOTE + witness, KEY, verifies) == CHECKPOINT


def test_a_public_key_is_read_as_it_is_written() -> None:
    assert PublicKey.read(f"{KEY}\n") == KEY


@pytest.mark.parametrize(
    "text",
    ["", "name", "a b+00000000+AQ==", str(KEY).replace("+", "+0", 1), f"{KEY}AAAA", str(KEY)[:-8]],
)
def test_a_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(CheckpointInvalid):
        PublicKey.read(text)
