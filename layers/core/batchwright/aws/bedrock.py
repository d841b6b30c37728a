"""Bedrock's Converse and InvokeModel, one HTTP request a call.

boto3 costs 1.3 ms a call and needs a thread for each; it also sends a prompt again that it thinks lost. So these hot
calls go over aiohttp, with botocore's own credentials and endpoint rules; the tests hold it to boto3's shapes.
"""

import time
from collections.abc import Mapping
from urllib.parse import quote

import orjson
from botocore.credentials import Credentials
from yarl import URL

from batchwright.aws.calls import Pooled
from batchwright.aws.refusals import fault_of
from batchwright.aws.signing import Signer
from batchwright.completion import Completion
from batchwright.conversed import completion_of
from batchwright.natives import Told
from batchwright.natives import completion_of as native_completion_of
from batchwright.request import Request
from batchwright.route import Route

OK = 200
METADATA = "X-Amzn-Bedrock-Request-Metadata"
TIER = "X-Amzn-Bedrock-Service-Tier"


class BedrockEngine(Pooled):
    """Asks models in Bedrock."""

    name = "bedrock"

    def __init__(self, *, endpoint: str, region: str, credentials: Credentials, limit: int) -> None:
        """``endpoint`` is what botocore resolves for ``bedrock-runtime``; ``limit`` is how many calls may be open."""
        super().__init__(limit=limit)
        self._endpoint = endpoint.rstrip("/")
        host = URL(self._endpoint).host_port_subcomponent or ""
        self._signer = Signer(credentials, service="bedrock", region=region, host=host)
        self._urls: dict[tuple[str, str], URL] = {}

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        """Make one call: of Converse, or for a native body of InvokeModel."""
        model = route.model
        url, headers, body = self._signed(request, model, metadata)
        began = time.monotonic()
        status, told, content = await self._post(
            url, headers, body, timeout=timeout, service="Bedrock", model=model
        )
        if status != OK:
            raise fault_of(status, told, content, model)
        if request.family is None:
            return completion_of(content, told.get("x-amzn-RequestId"))
        waited_ms = round((time.monotonic() - began) * 1000)
        return native_completion_of(request.family, content, told_of(told, waited_ms))

    def _signed(
        self, request: Request, model: str, metadata: Mapping[str, str]
    ) -> tuple[URL, dict[str, str], bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if request.family is None:
            operation, fields = "converse", {**request.body, "requestMetadata": {**metadata}}
            if request.tier is not None:
                fields["serviceTier"] = {"type": request.tier}
        else:
            operation, fields = "invoke", request.body
            headers[METADATA] = orjson.dumps({**metadata}).decode()
            if request.tier is not None:
                headers[TIER] = request.tier
        url, body = self._url(model, operation), orjson.dumps(fields)
        return url, self._signer.signed(url.raw_path, headers, body), body

    def _url(self, model: str, operation: str) -> URL:
        known = self._urls.get((model, operation))
        if known is None:
            address = f"{self._endpoint}/model/{quote(model, safe='')}/{operation}"
            known = self._urls[model, operation] = URL(address, encoded=True)
        return known


def told_of(headers: Mapping[str, str], waited_ms: int) -> Told:
    """Read what the headers of InvokeModel's answer tell; where they tell no latency, it is how long we waited."""
    latency_ms = _count(headers, "Invocation-Latency")
    return Told(
        input_tokens=_count(headers, "Input-Token-Count"),
        output_tokens=_count(headers, "Output-Token-Count"),
        latency_ms=waited_ms if latency_ms is None else latency_ms,
        request_id=headers.get("x-amzn-RequestId"),
        tier=headers.get(TIER),
    )


def _count(headers: Mapping[str, str], name: str) -> int | None:
    told = headers.get(f"X-Amzn-Bedrock-{name}", "")
    return int(told) if told.isascii() and told.isdigit() else None
