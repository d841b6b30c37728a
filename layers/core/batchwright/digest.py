"""SHA-256, the one digest of Batchwright, always as lower-case hexadecimal."""

import hashlib
from typing import Any

import orjson
import rfc8785


def digest(content: bytes) -> str:
    """Return the SHA-256 of raw bytes.

    >>> digest(b"")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(content).hexdigest()


def digest_of_envelope(envelope: Any) -> str:
    """Return the SHA-256 of a small JSON value in canonical form (RFC 8785).

    Raises ``rfc8785.CanonicalizationError`` where a value has no canonical form, an integer above 2**53 for one.

    >>> digest_of_envelope({"b": 1, "a": 2}) == digest(b'{"a":2,"b":1}')
    True
    """
    return digest(rfc8785.dumps(envelope))


def digest_of_request(
    model: str, body: dict[str, Any], contract_digest: str, *, family: str | None = None
) -> str:
    """Return the request digest: the same model, parameters, messages and contract have the same one.

    A body of a ``family``'s own is another request than the same body by Converse.
    """
    asked = {"model": model, "body": body, "contract": contract_digest}
    if family is not None:
        asked["family"] = family
    return digest(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS))


def idempotency_key(job_id: str, index: int, request_digest: str) -> str:
    """Return the key that names one record's request of one job to services that take one."""
    # In canonical form, too: a number below 2**53, and texts whose names stand in their order.
    return digest(orjson.dumps({"job": job_id, "record": index, "request": request_digest}))
