"""The API keys of endpoints, in Secrets Manager: read once, and again only where an endpoint no longer takes one."""

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Any

import orjson
from botocore.exceptions import ClientError

from batchwright.aws.faults import told
from batchwright.errors import AccessDenied

# A secret that holds fields and no bare key: as the console's form makes them.
FIELD = "api_key"


class EndpointKeys:
    """Keeps keys for as long as the process lives; they are in no error and no log."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """``make`` returns the client, which is made when a key is first needed."""
        self._make = make
        self._kept: dict[str, str] = {}
        self._lock = Lock()

    async def key(self, arn: str, *, stale: str | None = None) -> str:
        """Return a key, another than the ``stale`` one if there is another by now; raises :class:`AccessDenied`."""
        kept = self._kept.get(arn)
        if kept is not None and kept != stale:
            return kept
        return await asyncio.to_thread(self._read, arn, stale)

    def _read(self, arn: str, stale: str | None) -> str:
        with self._lock:  # of a hundred calls that are refused at once, one reads it anew
            kept = self._kept.get(arn)
            if kept is None or kept == stale:
                kept = self._kept[arn] = _key_in(self._fetched(arn), arn)
            return kept

    def _fetched(self, arn: str) -> Any:
        try:
            with told(f"read of {arn}"):
                return self._make().get_secret_value(SecretId=arn)
        except ClientError as fault:
            code = fault.response.get("Error", {}).get("Code", "Unknown")
            raise AccessDenied(f"read of {arn}: AWS says {code}; is it there?") from None
        except AccessDenied:
            raise AccessDenied(
                f"this stack may not read {arn}: add it to the parameter EndpointSecretArns, and its key, if it has one"
                " of its own, to EndpointSecretKeyArns, and deploy"
            ) from None


def _key_in(answer: Any, arn: str) -> str:
    """Return the key: the secret itself, or its field; it must be fit for a header."""
    written = str(answer.get("SecretString", "")).strip()
    try:
        fields = orjson.loads(written)
    except orjson.JSONDecodeError:
        fields = None
    if isinstance(fields, dict):
        written = str(fields.get(FIELD, "")).strip()
    if not written or not written.isascii() or not written.isprintable():
        raise AccessDenied(f"{arn} holds no API key: neither as its text, nor in a field {FIELD}")
    return written
