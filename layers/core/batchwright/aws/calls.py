"""One HTTP request a call, and what becomes of one that gets no answer: for the engines, which must not ask twice."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from yarl import URL

from batchwright.errors import AccessDenied, TimedOut, Unavailable
from batchwright.pace import abreast

CONNECT_SECONDS = 10


class Reply(NamedTuple):
    """What came back, whatever it says."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Pooled:
    """An engine whose calls share a pool of connections; it is open while the engine is used, in one event loop."""

    def __init__(self, *, limit: int) -> None:
        """``limit`` is how many calls may be open."""
        self._limit = limit
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limit, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),  # what is packed would stay so
            cookie_jar=aiohttp.DummyCookieJar(),  # no service here has any to keep
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(
        self,
        url: URL,
        headers: dict[str, str],
        body: bytes,
        *,
        timeout: float,
        service: str,
        model: str,
    ) -> Reply:
        """Send a request once, and go nowhere else where the answer says so.

        Raises :class:`Unavailable` where it was not sent, :class:`TimedOut` where it was and no whole answer came.
        ``service`` and ``model`` are for the errors.
        """
        await abreast()
        try:
            async with asyncio.timeout(timeout):
                reply = await self._send(url, headers, body)
        except aiohttp.ConnectionTimeoutError:
            raise Unavailable(f"{service} could not be reached") from None
        except TimeoutError:
            raise TimedOut(f"{model} did not answer within {timeout:.0f} s") from None
        except aiohttp.ClientConnectorCertificateError:
            raise AccessDenied(
                f"{service} shows a certificate that is not to be trusted: is it for this host, and by an authority"
                " that the function knows?"
            ) from None
        except aiohttp.ClientConnectorError:
            raise Unavailable(f"{service} could not be reached") from None
        except (aiohttp.ClientError, ConnectionError):
            raise TimedOut(f"the connection broke while {model} answered") from None
        await abreast()
        return reply

    async def _send(self, url: URL, headers: dict[str, str], body: bytes) -> Reply:
        assert self._session is not None, "use it in `async with`"  # noqa: S101
        sent = self._session.post(url, data=body, headers=headers, allow_redirects=False)
        async with sent as response:
            return Reply(response.status, response.headers, await response.read())
