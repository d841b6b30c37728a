"""A record's leaf in its job's tree: what was asked, what was answered, and what was decided, as digests.

The leaf is a small envelope in canonical JSON (RFC 8785). Whatever a low-entropy text could be guessed from stands in
it as a commitment: the digest under a salt of the record's own, which comes from the job's and goes when the job's
goes. Whoever is shown one record's salt can check that record, and guess at no other.
"""

import hmac
from dataclasses import dataclass
from typing import Any

import orjson

from batchwright.digest import digest, digest_of_envelope
from batchwright.merkle import leaf_hash
from batchwright.outcome import Outcome

SHA256 = "sha256"


@dataclass(frozen=True, slots=True)
class Salt:
    """A job's salt, 32 random bytes in hexadecimal."""

    job: str

    def of(self, index: int) -> bytes:
        """Return the salt of one record."""
        return hmac.digest(bytes.fromhex(self.job), index.to_bytes(8), SHA256)


def commitment(salt: bytes, content_digest: str | None) -> str | None:
    """Return what a digest can be held to without telling it."""
    if content_digest is None:
        return None
    return hmac.digest(salt, bytes.fromhex(content_digest), SHA256).hex()


def envelope_of(job_id: str, outcome: Outcome, salt: bytes) -> dict[str, Any]:
    """Return what a record's leaf says; ``salt`` is the record's own."""
    record_id = outcome.record_id
    return {
        "attempts": outcome.attempts,
        "contract": outcome.contract_digest,
        "index": outcome.index,
        "input": commitment(salt, outcome.input_digest),
        "job": job_id,
        "model": outcome.model,
        "output": commitment(salt, outcome.output_digest),
        "record": commitment(salt, digest(record_id.encode()) if record_id is not None else None),
        "request": commitment(salt, outcome.request_digest),
        "status": outcome.status.value,
        "verdict": verdict_digest(outcome),
    }


def verdict_digest(outcome: Outcome) -> str:
    """Return the digest of what the filters said."""
    told = {"findings": outcome.findings, "held": outcome.held, "verdict": outcome.verdict}
    if outcome.findings:
        return digest_of_envelope(told)
    return digest(canonical(told))


def leaf_of(job_id: str, outcome: Outcome, salt: Salt) -> str:
    """Return the hash of a record's leaf, in hexadecimal."""
    return leaf_hash(canonical(envelope_of(job_id, outcome, salt.of(outcome.index)))).hex()


def canonical(value: Any) -> bytes:
    """Return a value in canonical form (RFC 8785), where its names are ASCII and its numbers small integers.

    Then orjson's sorted form is the same, forty times as fast.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
