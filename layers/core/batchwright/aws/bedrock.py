"""Bedrock's Converse, one HTTP request a call.

boto3 costs 1.3 ms a call and needs a thread for each; it also sends a prompt again that it thinks lost. So this one hot
call goes over aiohttp, with botocore's own credentials, endpoint rules and signer; the tests hold it to boto3's shapes.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from batchwright.completion import Completion
from batchwright.errors import (
    AccessDenied,
    AskAgain,
    BatchwrightError,
    ContextOverflow,
    MalformedCompletion,
    ModelUnknown,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.request import Request
from batchwright.usage import Usage

OK = 200
CONNECT_SECONDS = 10
# docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors; 529 comes from
# some makers' models.
KINDS: dict[int, type[AskAgain]] = {
    429: Throttled,
    408: TimedOut,
    424: ServiceFault,
    500: ServiceFault,
    502: ServiceFault,
    503: Unavailable,
    504: TimedOut,
    529: Unavailable,
}
DENIED, NOT_FOUND = (401, 403), 404
# A quota of the account, not of the minute: worth asking again, but not soon.
QUOTA_WAIT = 60.0
# Bedrock has one error for everything that is wrong with a request; these words tell the cases apart that end
# otherwise (docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html).
TOO_LONG = (
    "input is too long",
    "too many input tokens",
    "maximum context length",
    "prompt is too long",
)
NOT_ON_DEMAND = (
    "on-demand throughput isn",
    "model identifier is invalid",
    "doesn't support the model",
)


class BedrockEngine:
    """Asks models in Bedrock."""

    name = "bedrock"

    def __init__(self, *, endpoint: str, region: str, credentials: Credentials, limit: int) -> None:
        """``endpoint`` is what botocore resolves for ``bedrock-runtime``; ``limit`` is how many calls may be open."""
        self._endpoint = endpoint.rstrip("/")
        self._credentials = credentials
        self._region = region
        self._limit = limit
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool of connections."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limit, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
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

    async def ask(
        self, request: Request, *, model: str, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        """Make one Converse call."""
        body = {**request.body, "requestMetadata": {**metadata}}
        signed = self._signed(model, orjson.dumps(body))
        try:
            async with asyncio.timeout(timeout):
                status, headers, content = await self._send(signed)
        except aiohttp.ConnectionTimeoutError:
            raise Unavailable("Bedrock could not be reached") from None
        except TimeoutError:
            raise TimedOut(f"{model} did not answer within {timeout:.0f} s") from None
        except aiohttp.ClientConnectorError:
            raise Unavailable("Bedrock could not be reached") from None
        except (aiohttp.ClientError, ConnectionError):
            raise TimedOut(f"the connection broke while {model} answered") from None
        if status != OK:
            raise fault_of(status, headers, content, model)
        return completion_of(content, headers)

    def _signed(self, model: str, body: bytes) -> AWSRequest:
        request = AWSRequest(
            method="POST",
            url=f"{self._endpoint}/model/{quote(model, safe='')}/converse",
            data=body,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        # botocore renews what expires when it is asked for frozen credentials, and only then.
        SigV4Auth(self._credentials.get_frozen_credentials(), "bedrock", self._region).add_auth(
            request
        )
        return request

    async def _send(self, signed: AWSRequest) -> tuple[int, Mapping[str, str], bytes]:
        assert self._session is not None, "use it in `async with`"  # noqa: S101
        async with self._session.post(
            URL(str(signed.url), encoded=True),
            data=signed.data,
            headers=dict(signed.headers.items()),
        ) as response:
            return response.status, response.headers, await response.read()


def completion_of(content: bytes, headers: Mapping[str, str]) -> Completion:
    """Read a Converse answer; botocore would let ``{}`` pass, this raises :class:`MalformedCompletion`."""
    try:
        fields = orjson.loads(content)
        usage = fields["usage"]
        return Completion(
            content=[_block(block) for block in fields["output"]["message"]["content"]],
            stop_reason=str(fields["stopReason"]),
            usage=Usage(
                input_tokens=int(usage["inputTokens"]),
                output_tokens=int(usage["outputTokens"]),
                cache_read_tokens=int(usage.get("cacheReadInputTokens") or 0),
                cache_write_tokens=int(usage.get("cacheWriteInputTokens") or 0),
            ),
            latency_ms=int(fields["metrics"]["latencyMs"]),
            request_id=headers.get("x-amzn-RequestId"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise MalformedCompletion(
            "Bedrock said 200 and sent no answer with output, stopReason, usage and metrics"
        ) from None


def _block(block: Any) -> dict[str, Any]:
    if not isinstance(block, dict) or not isinstance(block.get("text", ""), str):
        raise TypeError("content is a list of blocks, and a text is a string")
    return block


def fault_of(
    status: int, headers: Mapping[str, str], content: bytes, model: str
) -> BatchwrightError:
    """Return our error for an answer that is not 200.

    The service's own words may quote the prompt, so they stay here.
    """
    code = headers.get("x-amzn-ErrorType", "").partition(":")[0] or f"HTTP {status}"
    told = f"{model} answered {code}{_request(headers)}"
    if kind := KINDS.get(status):
        return kind(told, retry_after=_retry_after(headers))
    if code == "ServiceQuotaExceededException":
        return Throttled(told, retry_after=QUOTA_WAIT)
    if status in DENIED or "operation not allowed" in _words(content):
        return AccessDenied(
            f"{told}: may this role call the model, and has the account access to it?"
        )
    words = _words(content)
    if status == NOT_FOUND or any(sign in words for sign in NOT_ON_DEMAND):
        return ModelUnknown(
            f"{told}: it cannot be asked in this Region, or only by an inference profile"
        )
    if any(sign in words for sign in TOO_LONG):
        return ContextOverflow(f"{told}: the prompt is longer than the model can read")
    return RecordInvalid("invalid_request", told)


def _request(headers: Mapping[str, str]) -> str:
    request_id = headers.get("x-amzn-RequestId")
    return f" (request {request_id})" if request_id else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from ``Retry-After`` (RFC 9110, its number form) or milliseconds from AWS's own header."""
    try:
        if ours := headers.get("x-amz-retry-after"):
            return int(ours) / 1000
        return float(headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def _words(content: bytes) -> str:
    try:
        fields: Any = orjson.loads(content)
        return str(fields["message"]).lower()
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
