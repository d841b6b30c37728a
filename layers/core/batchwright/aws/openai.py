"""Endpoints that speak OpenAI's chat completions, wherever they are: vLLM and its like, one HTTP request a call."""

import time
from collections.abc import Collection, Mapping
from typing import Protocol

import orjson
from yarl import URL

from batchwright.aws.calls import Pooled
from batchwright.completion import Completion
from batchwright.digest import digest
from batchwright.errors import AccessDenied, Unavailable
from batchwright.request import Request
from batchwright.route import Route

OK, UNAUTHORIZED = 200, 401
# What a server may write into its log.
TOLD = {"X-Batchwright-Record": "idempotency_key", "X-Batchwright-Job": "job_id"}
REPEATED = "Idempotency-Key"


class Keys(Protocol):
    """Where the endpoints' keys are."""

    async def key(self, arn: str, *, stale: str | None = None) -> str:
        """Return a key, another than the ``stale`` one if there is another by now."""
        ...


class OpenAIEngine(Pooled):
    """Asks the endpoints that the stack allows, and no others: contracts name them, and prompts and keys go there."""

    name = "openai"

    def __init__(self, keys: Keys, *, allowed: Collection[str], limit: int) -> None:
        """``allowed`` are base URLs; ``limit`` is how many calls may be open."""
        super().__init__(limit=limit)
        self._keys = keys
        self._allowed = frozenset(address.rstrip("/") for address in allowed)

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        """Make one call of ``/chat/completions``."""
        # Most jobs ask Bedrock alone, and should not wait for this in a cold start.
        from batchwright.chatanswer import completion_of, fault_of  # noqa: PLC0415 - as told above
        from batchwright.chatbody import chat_body  # noqa: PLC0415 - as told above

        address = self._address(route)
        body = orjson.dumps(chat_body(request, route.model))
        key = await self._keys.key(route.secret) if route.secret else None
        began = time.monotonic()
        status, told, content = await self._post(
            address,
            _headers(key, metadata, body),
            body,
            timeout=timeout,
            service="the endpoint",
            model=route.model,
        )
        if status == OK:
            return completion_of(content, told, round((time.monotonic() - began) * 1000))
        if status == UNAUTHORIZED and route.secret and key:
            await self._look_for_another(route.secret, key)
        raise fault_of(status, told, content, route.model)

    def _address(self, route: Route) -> URL:
        base = (route.base_url or "").rstrip("/")
        if base not in self._allowed:
            raise AccessDenied(
                f"this stack may not ask {base}: add it to the parameter EndpointUrls and deploy"
            )
        return URL(f"{base}/chat/completions")

    async def _look_for_another(self, secret: str, refused: str) -> None:
        """Read a key once more that was refused; where it is another by now, the call is worth making again."""
        if await self._keys.key(secret, stale=refused) != refused:
            raise Unavailable("the endpoint's key was changed: the new one is taken", retry_after=0)


def _headers(key: str | None, metadata: Mapping[str, str], body: bytes) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        **{name: metadata[fact] for name, fact in TOLD.items() if fact in metadata},
    }
    if record := metadata.get("idempotency_key"):
        # A cut answer is asked for again with a larger limit: that is no repetition, and must not be taken for one.
        headers[REPEATED] = digest(record.encode() + body)
    return headers if key is None else {**headers, "Authorization": f"Bearer {key}"}
