"""Signature Version 4 for one service, without what a general signer does again for every call
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

botocore's own signer takes longer than all the rest of a call. The tests hold this one to it, byte by byte.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from botocore.credentials import Credentials

SCHEME = "AWS4-HMAC-SHA256"
# Those of the days and of the credentials that a worker lives through.
KEYS_KEPT = 4
PATHS_KEPT = 64


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
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._seconds()))
        signed = {**headers, "X-Amz-Date": at}
        if credentials.token:
            signed["X-Amz-Security-Token"] = credentials.token
        fields = sorted(
            (name.lower(), value) for name, value in (*signed.items(), ("host", self._host))
        )
        names = ";".join([name for name, _ in fields])
        lines = "".join([f"{name}:{' '.join(value.split())}\n" for name, value in fields])
        request = f"POST\n{_quoted_again(path)}\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{at[:8]}/{self._region}/{self._service}/aws4_request"
        told = f"{SCHEME}\n{at}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        key = _key(credentials.secret_key, at[:8], self._region, self._service)
        proof = hmac.digest(key, told.encode(), "sha256").hex()
        signed["Authorization"] = (
            f"{SCHEME} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={proof}"
        )
        return signed


@lru_cache(KEYS_KEPT)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(PATHS_KEPT)
def _quoted_again(path: str) -> str:
    """Return a path as it is signed: everywhere but in S3 what is quoted is quoted once more."""
    return quote(path, safe="/~")
