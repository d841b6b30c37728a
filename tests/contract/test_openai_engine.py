"""Our client of OpenAI's API against OpenAI's own: the same requests on the wire, the same answers and refusals read.

The key of these tests is the canary: wherever it is logged or told, they fail.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import openai
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from openai.types.chat import ChatCompletion

from batchwright.aws.openai import OpenAIEngine
from batchwright.chatbody import chat_body
from batchwright.completion import Completion
from batchwright.completion import fault_of as fault_of_completion
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ContentFiltered,
    MalformedCompletion,
    ModelUnknown,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Truncated,
    Unavailable,
)
from batchwright.request import Request
from batchwright.route import Route
from batchwright.schema import structured_output
from tests.canary import CANARY
from tests.emulator.host.running import RunningHost
from tests.openai_types import PIXEL

MODEL = "smollm2"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:llm-AbCdEf"
METADATA = {"job_id": "j", "idempotency_key": "k"}
TOOL = {
    "toolSpec": {
        "name": "price",
        "description": "A price.",
        "inputSchema": {"json": {"type": "object", "properties": {"of": {"type": "string"}}}},
    }
}
FORCED = {"tools": [TOOL], "toolChoice": {"tool": {"name": "price"}}}
SCHEMA = '{"properties":{"a":{"type":"string"}},"type":"object"}'


@dataclass
class HeldKeys:
    """Keys by the name of their secret, which may be changed behind whoever has read them."""

    key_now: str = CANARY
    reads: int = 0
    kept: dict[str, str] = field(default_factory=dict)

    async def key(self, arn: str, *, stale: str | None = None) -> str:
        if self.kept.get(arn) in (None, stale):
            self.reads += 1
            self.kept[arn] = self.key_now
        return self.kept[arn]


def say(*blocks: dict[str, Any], max_tokens: int = 100, **more: Any) -> Request:
    messages = [{"role": "user", "content": [*blocks] or [{"text": "hello"}]}]
    return Request({"messages": messages, "inferenceConfig": {"maxTokens": max_tokens}, **more})


def engine_for(address: str, keys: HeldKeys | None = None, **given: Any) -> OpenAIEngine:
    return OpenAIEngine(keys or HeldKeys(), **{"allowed": [address], "limit": 10, **given})


async def ask(
    address: str,
    request: Request,
    *,
    model: str = MODEL,
    seconds: float = 60,
    secret: str | None = None,
    keys: HeldKeys | None = None,
) -> Completion:
    route = Route(engine="openai", model=model, base_url=address, secret=secret)
    async with engine_for(address, keys) as engine:
        return await engine.ask(request, route=route, timeout=seconds, metadata=METADATA)


async def their_ask(address: str, request: Request, model: str = MODEL) -> ChatCompletion:
    """Ask by OpenAI's own client, once."""
    async with openai.AsyncOpenAI(
        base_url=address, api_key=CANARY, max_retries=0, timeout=60
    ) as client:
        answer: ChatCompletion = await client.chat.completions.create(**chat_body(request, model))
        return answer


type Seen = list[tuple[str, dict[str, str], bytes]]


@pytest.fixture
async def recorder() -> AsyncIterator[tuple[str, Seen]]:
    """A server that keeps what arrives, and fails."""
    seen: Seen = []

    async def keep(request: web.Request) -> web.Response:
        seen.append((request.raw_path, dict(request.headers), await request.read()))
        return web.json_response({}, status=500)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keep)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1")), seen


async def test_the_request_is_the_one_that_openais_own_client_sends(
    recorder: tuple[str, Seen],
) -> None:
    address, seen = recorder
    asked = say(
        {"text": "Grüße \u2028 \U0001f600"},
        system=[{"text": "Be short."}],
        toolConfig=FORCED,
        outputConfig=structured_output(SCHEMA, "answer"),
    )

    with pytest.raises(ServiceFault):
        await ask(address, asked, secret=SECRET)
    with pytest.raises(openai.InternalServerError):
        await their_ask(address, asked)

    (our_path, our_headers, our_body), (their_path, their_headers, their_body) = seen
    assert our_path == their_path == "/v1/chat/completions"
    assert json.loads(our_body) == json.loads(their_body)
    assert our_headers["Authorization"] == their_headers["Authorization"] == f"Bearer {CANARY}"
    assert our_headers["Content-Type"] == their_headers["Content-Type"]
    assert our_headers["X-Batchwright-Record"] == METADATA["idempotency_key"]
    assert our_headers["X-Batchwright-Job"] == METADATA["job_id"]
    assert our_headers["Accept-Encoding"] == "identity"


async def test_without_a_secret_no_key_is_sent(recorder: tuple[str, Seen]) -> None:
    address, seen = recorder
    keys = HeldKeys()

    with pytest.raises(ServiceFault):
        await ask(address, say(), keys=keys)

    assert "Authorization" not in seen[0][1]
    assert keys.reads == 0


async def test_a_call_that_is_made_again_has_the_same_key_and_one_with_another_limit_has_not(
    recorder: tuple[str, Seen],
) -> None:
    address, seen = recorder
    for limit in (5, 5, 10):
        with pytest.raises(ServiceFault):
            await ask(address, say(max_tokens=limit))

    first, again, larger = (headers["Idempotency-Key"] for _, headers, _ in seen)
    assert first == again != larger


@pytest.mark.parametrize(
    "asked",
    [
        say(),
        say({"text": "x" * 100}, max_tokens=2),
        say({"text": "hi"}, toolConfig=FORCED),
        say({"text": "hi"}, toolConfig={"tools": [TOOL], "toolChoice": {"any": {}}}),
        say({"text": "hi"}, outputConfig=structured_output(SCHEMA, "answer")),
        say(
            {"text": "look"},
            {"image": {"format": "png", "source": {"bytes": PIXEL.partition(",")[2]}}},
        ),
    ],
)
async def test_the_answer_is_read_as_openais_own_client_reads_it(
    host: RunningHost, asked: Request
) -> None:
    ours = await ask(host.base_url, asked)
    theirs = await their_ask(host.base_url, asked)

    (choice,) = theirs.choices
    assert ours.text == (choice.message.content or "")
    called = [block["toolUse"] for block in ours.content if "toolUse" in block]
    assert [(call["name"], call["input"]) for call in called] == [
        (call.function.name, json.loads(call.function.arguments))
        for call in choice.message.tool_calls or ()
        if call.type == "function"
    ]
    assert theirs.usage is not None
    assert ours.usage.input_tokens == theirs.usage.prompt_tokens
    assert ours.usage.output_tokens == theirs.usage.completion_tokens
    assert ours.request_id


async def test_the_same_text_is_answered_as_by_bedrock(host: RunningHost) -> None:
    answer = await ask(host.base_url, say({"text": "where is my parcel?"}))

    with host.client() as bedrock:
        theirs = bedrock.converse(
            modelId="amazon.nova-lite-v1:0", **say({"text": "where is my parcel?"}).body
        )
    assert answer.content == theirs["output"]["message"]["content"]
    assert answer.stop_reason == theirs["stopReason"]
    assert answer.usage.input_tokens == theirs["usage"]["inputTokens"]


async def test_a_call_carries_its_key_into_the_hosts_ledger(host: RunningHost) -> None:
    await ask(host.base_url, say())

    (call,) = host.calls()
    assert (call["api"], call["model"], call["metadata"]) == ("chat.completions", MODEL, METADATA)
    assert (call["status"], call["output_tokens"]) == (200, 2)


async def test_a_slash_at_the_end_of_the_address_changes_nothing(host: RunningHost) -> None:
    route = Route(engine="openai", model=MODEL, base_url=f"{host.base_url}/")
    async with engine_for(host.base_url) as engine:
        answer = await engine.ask(say(), route=route, timeout=60, metadata={})

    assert answer.text == "hello"


@pytest.mark.parametrize(
    ("do", "kind", "theirs"),
    [
        ("throttle", Throttled, openai.RateLimitError),
        ("500", ServiceFault, openai.InternalServerError),
        ("503", Unavailable, openai.InternalServerError),
        ("529", Unavailable, openai.InternalServerError),
        ("400", RecordInvalid, openai.BadRequestError),
        ("403", AccessDenied, openai.PermissionDeniedError),
        ("404", ModelUnknown, openai.NotFoundError),
    ],
)
async def test_a_refusal_is_told_by_class_as_openais_own_client_tells_it(
    host: RunningHost, do: str, kind: type[BatchwrightError], theirs: type[Exception]
) -> None:
    host.behave(faults=[{"do": do}], api_key=CANARY)

    with pytest.raises(kind) as ours:
        await ask(host.base_url, say({"text": CANARY}), secret=SECRET)
    with pytest.raises(theirs):
        await their_ask(host.base_url, say())

    assert CANARY not in str(ours.value)


async def test_a_model_that_is_not_served_stops_the_job(host: RunningHost) -> None:
    with pytest.raises(ModelUnknown):
        await ask(host.base_url, say(), model="gpt-7")


async def test_an_address_without_chats_stops_the_job(host: RunningHost) -> None:
    with pytest.raises(ModelUnknown):
        await ask(f"{host.url}/v2", say())


async def test_the_limits_of_the_endpoint_are_told_as_throttles(host: RunningHost) -> None:
    host.behave(rpm=1)
    await ask(host.base_url, say())

    with pytest.raises(Throttled):
        await ask(host.base_url, say())


@pytest.mark.parametrize("do", ["hang", "cut"])
async def test_a_call_without_a_whole_answer_is_ambiguous_and_is_made_once(
    host: RunningHost, do: str
) -> None:
    host.behave(faults=[{"do": do}])

    with pytest.raises(TimedOut):
        await ask(host.base_url, say(), seconds=2)

    assert len(host.calls()) == 1


async def test_an_empty_answer_is_malformed(host: RunningHost) -> None:
    host.behave(faults=[{"do": "empty"}])

    with pytest.raises(MalformedCompletion):
        await ask(host.base_url, say())


@pytest.mark.parametrize(("do", "kind"), [("truncate", Truncated), ("filtered", ContentFiltered)])
async def test_an_answer_that_is_not_whole_says_so(
    host: RunningHost, do: str, kind: type[BatchwrightError]
) -> None:
    host.behave(faults=[{"do": do}])

    assert type(fault_of_completion(await ask(host.base_url, say()))) is kind


async def test_a_host_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await ask("http://127.0.0.1:9/v1", say())


async def test_an_endpoint_that_the_stack_does_not_allow_gets_neither_prompt_nor_key(
    recorder: tuple[str, Seen],
) -> None:
    address, seen = recorder
    keys = HeldKeys()
    route = Route(engine="openai", model=MODEL, base_url=address, secret=SECRET)

    for allowed in ([], [f"{address}/more"], [address.removesuffix("/v1")]):
        async with engine_for(address, keys, allowed=allowed) as engine:
            with pytest.raises(AccessDenied, match="EndpointUrls"):
                await engine.ask(say(), route=route, timeout=60, metadata=METADATA)

    assert (seen, keys.reads) == ([], 0)


async def test_an_endpoint_that_points_elsewhere_is_not_followed(
    recorder: tuple[str, Seen],
) -> None:
    elsewhere, seen = recorder

    async def point(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{elsewhere}/chat/completions")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", point)
    async with TestServer(app) as server:
        with pytest.raises(ModelUnknown):
            await ask(str(server.make_url("/v1")), say(), secret=SECRET)

    assert seen == []


async def test_a_key_that_was_changed_is_read_once_more_and_the_call_is_worth_another(
    host: RunningHost,
) -> None:
    host.behave(api_key=CANARY)
    keys = HeldKeys(key_now=f"{CANARY}-old")
    await keys.key(SECRET)
    keys.key_now = CANARY
    route = Route(engine="openai", model=MODEL, base_url=host.base_url, secret=SECRET)

    async with engine_for(host.base_url, keys) as engine:
        calls = [engine.ask(say(), route=route, timeout=60, metadata=METADATA) for _ in range(5)]
        told = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(fault) for fault in told} == {Unavailable}
        assert keys.reads == 2
        answer = await engine.ask(say(), route=route, timeout=60, metadata=METADATA)

    assert answer.text == "hello"
    assert [call["status"] for call in host.calls()] == [401] * 5 + [200]


async def test_a_key_that_is_refused_and_is_still_the_same_stops_the_job(
    host: RunningHost,
) -> None:
    host.behave(api_key="another")
    keys = HeldKeys()

    with pytest.raises(AccessDenied) as told:
        await ask(host.base_url, say(), secret=SECRET, keys=keys)

    assert CANARY not in str(told.value)
    assert keys.reads == 2
    assert len(host.calls()) == 1


async def test_a_certificate_of_nobodys_stops_the_job_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    seen: list[str] = []

    async def keep(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keep)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=own_certificate(tmp_path))
    try:
        with pytest.raises(AccessDenied, match="certificate"):
            await ask(f"https://127.0.0.1:{server.port}/v1", say(), secret=SECRET)
    finally:
        await server.close()

    assert seen == []


def own_certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that no authority signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    written = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(written + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
