"""Our client of Bedrock against boto3's: the same requests on the wire, the same answers and refusals read."""

import asyncio
import json
from collections.abc import AsyncIterator
from copy import replace
from typing import Any

import boto3
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from batchwright.aws.bedrock import BedrockEngine, told_of
from batchwright.aws.refusals import fault_of
from batchwright.completion import Completion
from batchwright.completion import fault_of as fault_of_completion
from batchwright.conversed import completion_of
from batchwright.errors import (
    AccessDenied,
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
from batchwright.natives import Told
from batchwright.request import Request
from batchwright.route import Route
from batchwright.schema import structured_output
from tests.emulator.host.running import RunningHost
from tests.fakes import MODEL
from tests.natives import COMMAND, PLAIN

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")
METADATA_HEADER = "X-Amzn-Bedrock-Request-Metadata"
TIER_HEADER = "X-Amzn-Bedrock-Service-Tier"
METADATA = {"job_id": "j", "idempotency_key": "k"}
WHOLE = Request(
    {
        "messages": [
            {"role": "user", "content": [{"text": "Grüße \u2028 \U0001f600"}]},
            {"role": "assistant", "content": [{"text": "yes"}]},
            {"role": "user", "content": [{"text": "go on"}, {"text": "please"}]},
        ],
        "system": [{"text": "Be short."}],
        "inferenceConfig": {
            "maxTokens": 10,
            "temperature": 0.0,
            "topP": 0.5,
            "stopSequences": ["x"],
        },
        "additionalModelRequestFields": {"top_k": 5},
        "outputConfig": structured_output('{"type":"object"}', "answer"),
    }
)


def say(text: str, max_tokens: int = 100) -> Request:
    return Request(
        {
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": max_tokens},
        }
    )


async def ask(
    address: str, request: Request, *, model: str = MODEL, seconds: float = 60
) -> Completion:
    engine = BedrockEngine(endpoint=address, region="us-east-1", credentials=CREDENTIALS, limit=10)
    async with engine:
        return await engine.ask(
            request, route=Route(model=model), timeout=seconds, metadata=METADATA
        )


def boto3_ask(
    address: str, request: Request, model: str = MODEL, seconds: float = 60
) -> dict[str, Any]:
    """Ask by boto3; the answer of InvokeModel is put under ``body``, as it was written."""
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        aws_session_token=CREDENTIALS.token,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=seconds),
    )
    if request.family is not None:
        answer = client.invoke_model(
            modelId=model,
            body=json.dumps(request.body),
            contentType="application/json",
            requestMetadata=json.dumps(METADATA),
            **({"serviceTier": request.tier} if request.tier else {}),
        )
        return {**answer, "body": json.loads(answer["body"].read())}
    tier = {"serviceTier": {"type": request.tier}} if request.tier else {}
    converse: dict[str, Any] = client.converse(
        modelId=model, requestMetadata=METADATA, **tier, **request.body
    )
    return converse


@pytest.fixture
async def recorder() -> AsyncIterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """A server that keeps what arrives, byte by byte."""
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def keep(request: web.Request) -> web.Response:
        seen.append((request.raw_path, dict(request.headers), await request.read()))
        return web.json_response({}, status=500)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keep)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/"), seen


@pytest.mark.parametrize(
    "model",
    [MODEL, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"],
)
@pytest.mark.parametrize(
    "asked",
    [
        WHOLE,
        Request(PLAIN["nova"], "nova"),
        replace(WHOLE, tier="flex"),
        Request(PLAIN["nova"], "nova", "priority"),
    ],
)
async def test_the_request_is_the_one_that_boto3_sends_and_its_signature_holds(
    recorder: tuple[str, list[tuple[str, dict[str, str], bytes]]], model: str, asked: Request
) -> None:
    address, seen = recorder
    with pytest.raises(ServiceFault):
        await ask(address, asked, model=model)
    with pytest.raises(ClientError):
        await asyncio.to_thread(boto3_ask, address, asked, model)

    (our_path, our_headers, our_body), (their_path, their_headers, their_body) = seen
    assert our_path == their_path
    assert json.loads(our_body) == json.loads(their_body)
    for name in ("Content-Type", "X-Amz-Security-Token"):
        assert our_headers[name] == their_headers[name]
    # Neither says that it can unpack an answer, since neither does.
    assert their_headers["Accept-Encoding"] == "identity"
    assert "Accept-Encoding" not in our_headers
    assert (METADATA_HEADER in our_headers) is (asked.family is not None)
    if asked.family is not None:
        assert json.loads(our_headers[METADATA_HEADER]) == METADATA
        assert json.loads(their_headers[METADATA_HEADER]) == METADATA
        assert our_headers.get(TIER_HEADER) == their_headers.get(TIER_HEADER) == asked.tier
    assert our_headers["Authorization"].split(",")[0].rsplit("/", 4)[-3:] == [
        "us-east-1",
        "bedrock",
        "aws4_request",
    ]
    assert our_headers["Authorization"] == signature(address + our_path, our_headers, our_body)


def signature(url: str, headers: dict[str, str], body: bytes) -> str:
    """Sign what arrived once more, at the time that it says, by botocore."""
    signed = ("Content-Type", "Accept", METADATA_HEADER, TIER_HEADER)
    request = AWSRequest(
        "POST", url, {name: headers[name] for name in signed if name in headers}, body
    )
    request.context["timestamp"] = headers["X-Amz-Date"]
    signer = SigV4Auth(CREDENTIALS.get_frozen_credentials(), "bedrock", "us-east-1")
    request.headers["X-Amz-Date"] = headers["X-Amz-Date"]
    request.headers["X-Amz-Security-Token"] = str(CREDENTIALS.token)
    canonical = signer.canonical_request(request)
    proof = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)},"
        f" SignedHeaders={names}, Signature={proof}"
    )


async def test_the_answer_is_read_as_boto3_reads_it(host: RunningHost) -> None:
    fields = WHOLE.body.keys() - {"additionalModelRequestFields"}  # Nova takes no top_k at its top
    request = Request({name: WHOLE.body[name] for name in fields})

    ours = await ask(host.url, request)
    theirs = await asyncio.to_thread(boto3_ask, host.url, request)

    assert ours.content == theirs["output"]["message"]["content"]
    assert ours.stop_reason == theirs["stopReason"]
    assert ours.usage.input_tokens == theirs["usage"]["inputTokens"]
    assert ours.usage.output_tokens == theirs["usage"]["outputTokens"]
    assert ours.request_id


@pytest.mark.parametrize("tier", ["flex", "default", "priority", None])
async def test_the_tier_that_answered_is_read_as_boto3_reads_it(
    host: RunningHost, tier: str | None
) -> None:
    for asked in (replace(say("hello"), tier=tier), Request(PLAIN["nova"], "nova", tier)):
        ours = await ask(host.url, asked)
        theirs = await asyncio.to_thread(boto3_ask, host.url, asked)

        told = theirs.get("serviceTier")
        assert ours.tier == (told["type"] if isinstance(told, dict) else told) == tier


async def test_a_tier_that_bedrock_does_not_have_is_refused(host: RunningHost) -> None:
    for asked in (replace(say("hello"), tier="fast"), Request(PLAIN["nova"], "nova", "fast")):
        with pytest.raises(RecordInvalid):
            await ask(host.url, asked)


@pytest.mark.parametrize("told", [None, "flex", {}, {"type": 5}, []])
def test_an_answer_with_an_odd_tier_is_an_answer(told: object) -> None:
    answer = {
        "output": {"message": {"content": [{"text": "hello"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1},
        "metrics": {"latencyMs": 1},
        "serviceTier": told,
    }

    read = completion_of(json.dumps(answer).encode())

    assert (read.text, read.tier) == ("hello", None)


async def test_a_call_carries_its_key_into_the_hosts_ledger(host: RunningHost) -> None:
    await ask(host.url, say("hello"))

    (call,) = host.calls()
    assert call["metadata"] == METADATA
    assert call["model"] == MODEL


NATIVE = [
    ("us.anthropic.claude-sonnet-4-20250514-v1:0", Request(PLAIN["anthropic"], "anthropic")),
    (MODEL, Request(PLAIN["nova"], "nova")),
    ("amazon.titan-text-express-v1", Request(PLAIN["titan_text"], "titan_text")),
    ("amazon.titan-embed-text-v1", Request({"inputText": "Hello"}, "titan_embed")),
    ("amazon.titan-embed-text-v2:0", Request(PLAIN["titan_embed"], "titan_embed")),
    ("meta.llama3-1-8b-instruct-v1:0", Request(PLAIN["llama"], "llama")),
    ("mistral.mistral-7b-instruct-v0:2", Request(PLAIN["mistral"], "mistral")),
    (
        "mistral.mistral-large-2407-v1:0",
        Request({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}, "mistral"),
    ),
    ("cohere.command-r-v1:0", Request(PLAIN["cohere"], "cohere")),
    ("cohere.command-text-v14", Request(COMMAND, "cohere")),
    ("cohere.embed-english-v3", Request(PLAIN["cohere_embed"], "cohere_embed")),
    (
        "us.cohere.embed-v4:0",
        Request(PLAIN["cohere_embed"] | {"embedding_types": ["int8", "float"]}, "cohere_embed"),
    ),
    ("openai.gpt-oss-20b-1:0", Request(PLAIN["openai"], "openai")),
]
CHANCE = {"id", "created", "response_id", "generation_id"}  # new with every answer


def alike(answer: Any) -> Any:
    """An answer without what is new with every answer."""
    if isinstance(answer, dict):
        return {name: alike(value) for name, value in answer.items() if name not in CHANCE}
    return [alike(each) for each in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize(("model", "asked"), NATIVE, ids=[model for model, _ in NATIVE])
async def test_a_native_answer_is_kept_as_boto3_hands_it_out_and_counted_by_its_headers(
    host: RunningHost, model: str, asked: Request
) -> None:
    ours = await ask(host.url, asked, model=model)
    theirs = await asyncio.to_thread(boto3_ask, host.url, asked, model)

    assert alike(ours.native) == alike(theirs["body"])
    headers = theirs["ResponseMetadata"]["HTTPHeaders"]
    assert ours.usage.input_tokens == int(headers["x-amzn-bedrock-input-token-count"])
    assert ours.usage.output_tokens == int(headers["x-amzn-bedrock-output-token-count"])
    assert ours.request_id
    assert fault_of_completion(ours) is None
    assert (ours.vectors is None) is ("embed" not in model)
    assert [(call["api"], call["metadata"]) for call in host.calls()] == [
        ("InvokeModel", METADATA)
    ] * 2


async def test_a_cut_native_answer_says_so(host: RunningHost) -> None:
    request = Request({"prompt": "x" * 100, "max_gen_len": 2}, "llama")

    cut = await ask(host.url, request, model="meta.llama3-1-8b-instruct-v1:0")

    assert (cut.stop_reason, cut.content) == ("max_tokens", [{"text": "x" * 8}])


async def test_a_native_answer_that_is_none_is_malformed(host: RunningHost) -> None:
    host.behave(faults=[{"do": "empty"}])

    with pytest.raises(MalformedCompletion):
        await ask(host.url, Request(PLAIN["nova"], "nova"))


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (
            {
                "X-Amzn-Bedrock-Input-Token-Count": "7",
                "X-Amzn-Bedrock-Output-Token-Count": "5",
                "X-Amzn-Bedrock-Invocation-Latency": "40",
                "x-amzn-RequestId": "r",
            },
            Told(input_tokens=7, output_tokens=5, latency_ms=40, request_id="r"),
        ),
        (
            {"X-Amzn-Bedrock-Input-Token-Count": "many"},
            Told(input_tokens=None, output_tokens=None, latency_ms=99, request_id=None),
        ),
    ],
)
def test_headers_tell_what_was_counted_or_nothing(headers: dict[str, str], told: Told) -> None:
    assert told_of(headers, 99) == told


@pytest.mark.parametrize(
    ("do", "kind", "theirs"),
    [
        ("throttle", Throttled, "ThrottlingException"),
        ("500", ServiceFault, "InternalServerException"),
        ("503", Unavailable, "ServiceUnavailableException"),
        ("529", Unavailable, None),
        ("400", RecordInvalid, "ValidationException"),
        ("403", AccessDenied, "AccessDeniedException"),
    ],
)
async def test_a_refusal_is_told_by_class_as_boto3_tells_it_by_name(
    host: RunningHost, do: str, kind: type[BatchwrightError], theirs: str | None
) -> None:
    host.behave(faults=[{"do": do}])

    with pytest.raises(kind) as ours:
        await ask(host.url, say("canary"))
    with pytest.raises(ClientError) as boto:
        await asyncio.to_thread(boto3_ask, host.url, say("canary"))

    if theirs is not None:
        assert boto.value.response["Error"]["Code"] == theirs
        assert theirs in str(ours.value)
    assert "canary" not in str(ours.value)


@pytest.mark.parametrize("do", ["hang", "cut"])
async def test_a_call_without_a_whole_answer_is_ambiguous_and_is_made_once(
    host: RunningHost, do: str
) -> None:
    host.behave(faults=[{"do": do}])

    with pytest.raises(TimedOut):
        await ask(host.url, say("hello"), seconds=2)
    try:
        theirs = await asyncio.to_thread(boto3_ask, host.url, say("hello"), seconds=2)
    except BotoCoreError:
        pass
    else:
        assert "output" not in theirs, "boto3 takes half an answer for a whole one, and reads none"

    assert len(host.calls()) == 2


async def test_an_empty_answer_that_boto3_lets_pass_is_malformed(host: RunningHost) -> None:
    host.behave(faults=[{"do": "empty"}])

    with pytest.raises(MalformedCompletion):
        await ask(host.url, say("hello"))
    assert "output" not in await asyncio.to_thread(boto3_ask, host.url, say("hello"))


async def test_a_cut_answer_says_so(host: RunningHost) -> None:
    assert (await ask(host.url, say("x" * 100, max_tokens=2))).stop_reason == "max_tokens"


async def test_a_host_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await ask("http://127.0.0.1:9", say("hello"))


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "not found", ModelUnknown),
        (400, "Invocation with on-demand throughput isn't supported.", ModelUnknown),
        (400, "The provided model identifier is invalid.", ModelUnknown),
        (400, "Input is too long for requested model.", ContextOverflow),
        (400, "Operation not allowed", AccessDenied),
        (400, "canary", RecordInvalid),
        (408, "", TimedOut),
        (424, "", ServiceFault),
        (418, "", RecordInvalid),
    ],
)
def test_what_bedrock_means_by_one_error_is_told_apart(
    status: int, message: str, kind: type[BatchwrightError]
) -> None:
    content = json.dumps({"message": message}).encode()
    headers = {"x-amzn-ErrorType": "ValidationException:http://internal"}

    fault = fault_of(status, headers, content, MODEL)

    assert type(fault) is kind
    assert "canary" not in str(fault)
    assert "http://internal" not in str(fault)


LATER = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"x-amz-retry-after": "soon", "Retry-After": "30"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After": LATER, "Date": "Wed, 21 Oct 2026 07:26:00 GMT"}, 120),
        ({"Retry-After": LATER, "Date": "Wed, 21 Oct 2026 07:29:00 GMT"}, 0),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "-1"}, None),
        ({}, None),
    ],
)
def test_the_services_wish_to_wait_is_kept(headers: dict[str, str], seconds: float | None) -> None:
    fault = fault_of(429, headers, b"", MODEL)

    assert isinstance(fault, Throttled)
    assert fault.retry_after == seconds


@pytest.mark.parametrize(
    "content",
    [
        (
            b'{"output":{"message":{"content":[5]}},"stopReason":"end_turn","usage":{"inputTokens":1,'
            b'"outputTokens":1},"metrics":{"latencyMs":1}}'
        ),
        b"",
        b"{}",
        b"[]",
        b'{"output": {}}',
        b'{"output": {"message": {"content": 1}}}',
        b"\xff",
    ],
)
def test_nothing_half_is_an_answer(content: bytes) -> None:
    with pytest.raises(MalformedCompletion):
        completion_of(content)
