"""A record's leaf in its job's tree: what was asked, what was answered, and what was decided, as digests.

The leaf is a small envelope in canonical JSON (RFC 8785). Whatever a low-entropy text could be guessed from stands in
it as a commitment: the digest under a salt of the record's own, which comes from the job's and goes when the job's
goes. Whoever is shown one record's salt can check that record, and guess at no other.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from batchwright.digest import digest_of_envelope
from batchwright.merkle import leaf_hash
from batchwright.outcome import Outcome


class Salt:
    """A job's salt."""

    def __init__(self, job: str) -> None:
        """``job`` are 32 random bytes in hexadecimal."""
        self._job = bytes.fromhex(job)

    def of(self, index: int) -> bytes:
        """Return the salt of one record: the SHA-256 of the job's and of the index as eight bytes."""
        return sha256(self._job + index.to_bytes(8)).digest()


def commitment(salt: bytes, content_digest: str | None) -> str | None:
    """Return what a digest can be held to without telling it: the SHA-256 of the record's salt and the digest.

    Both are of 32 bytes, so nothing can be moved from one to the other.
    """
    if content_digest is None:
        return None
    return sha256(salt + bytes.fromhex(content_digest)).hexdigest()


def without_leaf(line: bytes, leaf: str | None) -> bytes:
    """Return an outcome's line as it was before it had a leaf."""
    if leaf is None:
        return line
    return line.replace(b'"leaf":"%b"' % leaf.encode(), b'"leaf":null', 1)


def envelope_of(job_id: str, outcome: Outcome, salt: bytes, line: bytes) -> dict[str, Any]:
    """Return what a record's leaf says; ``salt`` is the record's own. The names are in canonical order.

    ``line`` is its outcome's, without the leaf: what is not named here, times, tokens and money, is told by it.
    """
    record_id = outcome.record_id
    return {
        "attempts": outcome.attempts,
        "contract": outcome.contract_digest,
        "facts": sha256(salt + line).hexdigest(),
        "index": outcome.index,
        "input": commitment(salt, outcome.input_digest),
        "job": job_id,
        "model": outcome.model,
        "output": commitment(salt, outcome.output_digest),
        "record": None if record_id is None else sha256(salt + record_id.encode()).hexdigest(),
        "request": commitment(salt, outcome.request_digest),
        "status": outcome.status.value,
        "verdict": verdict_digest(outcome),
    }


def verdict_digest(outcome: Outcome) -> str:
    """Return the digest of what the filters said."""
    if not outcome.findings:
        return _without_findings(outcome.verdict, outcome.held)
    told = {"findings": outcome.findings, "held": outcome.held, "verdict": outcome.verdict}
    return digest_of_envelope(told)


@lru_cache(maxsize=64)
def _without_findings(verdict: str | None, held: str | None) -> str:
    return digest_of_envelope({"findings": [], "held": held, "verdict": verdict})


def leaf_of(job_id: str, outcome: Outcome, salt: Salt, line: bytes | None = None) -> bytes:
    """Return the hash of a record's leaf; ``line`` is its outcome's, where it is written already."""
    told = without_leaf(line or outcome.facts(), outcome.leaf)
    return leaf_hash(canonical(envelope_of(job_id, outcome, salt.of(outcome.index), told)))


def canonical(value: Any) -> bytes:
    """Return a value in canonical form (RFC 8785), where its names are ASCII and its numbers small integers.

    Then orjson's sorted form is the same, forty times as fast.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
