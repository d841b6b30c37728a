"""How an answer looks on the wire: whole, refused, or broken by a fault."""

import asyncio
import os
from typing import Any

import orjson

from tests.emulator.host.behaviour import Doing
from tests.emulator.host.http1 import Answer
from tests.emulator.host.ledger import Call
from tests.emulator.host.refusals import Refusal

# Bedrock's header carries this suffix: a client that compares the whole value never matches.
_NAMESPACE = "http://internal.amazon.com/coral/com.amazon.bedrock/"


async def paid(
    call: Call, body: dict[str, Any], *, doing: Doing | None, latency_ms: int, tier: str | None
) -> Answer:
    """Answer a call that was paid for, unless a fault spoils it; note the status that is sent."""
    if doing == "hang":
        await asyncio.Event().wait()  # until the client goes away, which cancels this
    call.status = 200
    headers = _headers()
    if call.api == "chat.completions":
        headers = {"Content-Type": "application/json", "X-Request-Id": headers["x-amzn-RequestId"]}
    if call.api == "InvokeModel":
        headers["X-Amzn-Bedrock-Input-Token-Count"] = str(call.input_tokens)
        headers["X-Amzn-Bedrock-Output-Token-Count"] = str(call.output_tokens)
        headers["X-Amzn-Bedrock-Invocation-Latency"] = str(latency_ms)
        if tier is not None:
            headers["X-Amzn-Bedrock-Service-Tier"] = tier
    written = b"{}" if doing == "empty" else orjson.dumps(body)
    return Answer(body=written, headers=headers, cut=doing == "cut")


async def queued(body: dict[str, Any], headers: dict[str, str], *, doing: Doing | None) -> Answer:
    """Answer a call that will be worked on later, unless a fault spoils the answer."""
    if doing == "hang":
        await asyncio.Event().wait()
    written = orjson.dumps(body)
    return Answer(body=written, status=202, headers=_headers() | headers, cut=doing == "cut")


def plain(body: dict[str, Any]) -> Answer:
    """Answer a call that costs nothing."""
    return Answer(body=orjson.dumps(body), headers=_headers())


def lines(body: bytes) -> Answer:
    """Answer with JSON lines."""
    return Answer(body=body, headers={"Content-Type": "application/x-ndjson"})


def refused(refusal: Refusal, *, in_body: bool = False) -> Answer:
    """Answer with an error; ``in_body`` as AWS's older JSON services do, which say by the status whose fault it is."""
    body, status = {"message": refusal.message}, refusal.status
    if in_body:
        body["__type"] = refusal.kind
        status = 500 if status >= 500 else 400
    return Answer(
        status=status,
        body=orjson.dumps(body),
        headers=_headers() | {"x-amzn-ErrorType": f"{refusal.kind}:{_NAMESPACE}"},
    )


def _headers() -> dict[str, str]:
    chance = os.urandom(16).hex()
    parts = chance[:8], chance[8:12], chance[12:16], chance[16:20], chance[20:]
    return {"Content-Type": "application/json", "x-amzn-RequestId": "-".join(parts)}
