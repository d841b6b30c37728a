"""Digests of what others must be able to compute again."""

from hypothesis import given
from hypothesis import strategies as st

from batchwright.digest import digest_of_envelope, idempotency_key


@given(
    job=st.text(st.characters(exclude_categories=["Cs"])),
    index=st.integers(0, 2**53 - 1),
    request=st.text("0123456789abcdef", max_size=64),
)
def test_an_idempotency_key_is_the_digest_of_its_canonical_envelope(
    job: str, index: int, request: str
) -> None:
    envelope = {"job": job, "record": index, "request": request}

    assert idempotency_key(job, index, request) == digest_of_envelope(envelope)
