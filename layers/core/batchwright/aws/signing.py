"""Signature Version 4 for one service, without what a general signer does again for every call
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

botocore's own signer takes longer than all the rest of a call. The tests hold this one to it, byte by byte.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from botocore.credentials import Credentials, ReadOnlyCredentials

SCHEME = "AWS4-HMAC-SHA256"
# Those of the days and of the credentials that a worker lives through.
KEYS_KEPT = 4
# What is asked of some models within a second. InvokeModel's headers differ from call to call, and find no frame.
FRAMES_KEPT = 64


class Signer:
    """Signs POST requests of JSON to one service in one Region."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        service: str,
        region: str,
        host: str,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        """``host`` as the ``Host`` header says it; ``seconds`` are since 1970."""
        self._credentials = credentials
        self._service = service
        self._region = region
        self._host = host
        self._seconds = seconds

    def signed(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Return the headers with those that sign them; ``path`` is quoted, as it stands in the URL."""
        # botocore renews what expires when it is asked for frozen credentials, and only then.
        credentials = self._credentials.get_frozen_credentials()
        place = (self._region, self._service, self._host)
        frame = _frame(credentials, place, int(self._seconds()), path, tuple(headers.items()))
        request = frame.request + sha256(body).hexdigest()
        told = frame.told + sha256(request.encode()).hexdigest()
        proof = hmac.digest(frame.key, told.encode(), "sha256").hex()
        return {**frame.headers, "Authorization": frame.authorization + proof}


class _Frame(NamedTuple):
    """What the signatures of a second have in common, whatever the bodies are."""

    headers: dict[str, str]
    request: str
    """The canonical request, up to the body's digest."""
    told: str
    """What is signed, up to the request's digest."""
    key: bytes
    authorization: str
    """Up to the signature."""


@lru_cache(FRAMES_KEPT)
def _frame(
    credentials: ReadOnlyCredentials,
    place: tuple[str, str, str],
    seconds: int,
    path: str,
    headers: tuple[tuple[str, str], ...],
) -> _Frame:
    region, service, host = place
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))
    signed = {**dict(headers), "X-Amz-Date": at}
    if credentials.token:
        signed["X-Amz-Security-Token"] = credentials.token
    fields = sorted((name.lower(), value) for name, value in (*signed.items(), ("host", host)))
    names = ";".join([name for name, _ in fields])
    lines = "".join([f"{name}:{' '.join(value.split())}\n" for name, value in fields])
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    return _Frame(
        headers=signed,
        # Everywhere but in S3 what is quoted in a path is quoted once more.
        request=f"POST\n{quote(path, safe='/~')}\n\n{lines}\n{names}\n",
        told=f"{SCHEME}\n{at}\n{scope}\n",
        key=_key(credentials.secret_key, at[:8], region, service),
        authorization=f"{SCHEME} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature=",
    )


@lru_cache(KEYS_KEPT)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
