"""The host's quotas, latency and capacity on the wire."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.host.running import RunningHost

NOVA = "us.amazon.nova-lite-v1:0"


@pytest.fixture
def bedrock(host: RunningHost) -> Iterator[Any]:
    with host.client(max_pool_connections=16) as client:
        yield client


def converse(bedrock: Any, text: str = "0123456789", **config: Any) -> tuple[int, dict[str, Any]]:
    messages = [{"role": "user", "content": [{"text": text}]}]
    try:
        return 200, bedrock.converse(modelId=NOVA, messages=messages, inferenceConfig=config)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], dict(error.response["Error"])


def test_over_the_quota_of_requests_a_call_is_throttled_at_once(
    bedrock: Any, host: RunningHost
) -> None:
    host.behave(rpm=3, latency_ms=100)

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: converse(bedrock), range(8)))

    assert sorted(status for status, _ in answers) == [200] * 3 + [429] * 5
    assert sorted(call["status"] for call in host.calls()) == [200] * 3 + [429] * 5
    assert {answer["Message"] for status, answer in answers if status == 429} == {
        "Too many requests, please wait before trying again."
    }


def test_tokens_are_reserved_with_the_maximum_asked_and_settled_with_what_was_used(
    bedrock: Any, host: RunningHost
) -> None:
    host.behave(tpm=5000)

    assert [converse(bedrock, maxTokens=4000)[0] for _ in range(5)] == [200] * 5

    # 1,000 to read, and where no maximum is named 4,096 to write.
    status, answer = converse(bedrock, "x" * 4000)
    assert (status, answer["Message"]) == (
        429, "Too many tokens, please wait before trying again.",
    )  # fmt: skip


def test_a_limit_that_is_not_given_again_is_not_begun_again(
    bedrock: Any, host: RunningHost
) -> None:
    host.behave(rpm=1)
    assert converse(bedrock)[0] == 200

    host.behave(latency_ms=1)
    assert converse(bedrock)[0] == 429

    host.behave(rpm=1)
    assert converse(bedrock)[0] == 200


def test_latency_is_what_was_asked_for(bedrock: Any, host: RunningHost) -> None:
    host.behave(latency_ms=120)

    _, answer = converse(bedrock)

    assert 120 <= answer["metrics"]["latencyMs"] < 60_000


def test_latency_with_a_spread_repeats_by_its_seed(bedrock: Any, host: RunningHost) -> None:
    def slowest(seed: int) -> int:
        host.behave(latency_ms=50, latency_sigma=1.5, seed=seed)
        latencies = [converse(bedrock)[1]["metrics"]["latencyMs"] for _ in range(10)]
        return max(range(10), key=latencies.__getitem__)

    # With these seeds one of the ten takes some 1,200 ms, and the next one 130 or 210.
    assert [slowest(45), slowest(75), slowest(45)] == [5, 3, 5]


def test_1500_connections_are_held_at_once(host: RunningHost) -> None:
    host.behave(latency_ms=1000)

    with ExitStack() as open_ones:
        waiting = [open_ones.enter_context(closing(sent(host))) for _ in range(1500)]
        statuses = {connection.recv(65536)[:15] for connection in waiting}

    assert statuses == {b"HTTP/1.1 200 OK"}
    assert len(host.calls()) == 1500


def test_a_reset_forgets_calls_in_flight_too(host: RunningHost) -> None:
    host.behave(latency_ms=200)
    with closing(sent(host)) as waiting:
        host.behaviour()  # answered later than the call was begun: the host takes turns
        host.reset()
        assert waiting.recv(15) == b"HTTP/1.1 200 OK"

    assert host.calls() == []


def sent(host: RunningHost) -> socket.socket:
    """Return a connection on which a whole request was sent and nothing was read."""
    asked = {"messages": [{"role": "user", "content": [{"text": "0123456789"}]}]}
    payload = json.dumps(asked).encode()
    connection = socket.create_connection(("127.0.0.1", host.port), timeout=60)
    head = (
        f"POST /model/amazon.nova-lite-v1%3A0/converse HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: x\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    connection.sendall(head.encode() + payload)
    return connection
