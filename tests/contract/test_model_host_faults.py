"""The host's faults, quotas and endings on the wire: what a client sees, and what it is billed."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.host.running import ROOT, RunningHost

NOVA = "us.amazon.nova-lite-v1:0"
MICRO = "us.amazon.nova-micro-v1:0"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 unchecked", "Content-Type": "application/json"}


def body(text: str = "0123456789", **more: Any) -> bytes:
    messages = [{"role": "user", "content": [{"text": text}]}]
    return json.dumps({"messages": messages, **more}).encode()


def post(
    host: RunningHost, payload: bytes, *, headers: dict[str, str] = SIGNED, path: str = "converse"
) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)) as connection:
        connection.request("POST", f"/model/us.amazon.nova-lite-v1%3A0/{path}", payload, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def converse(host: RunningHost, text: str = "0123456789") -> tuple[int, dict[str, Any]]:
    status, _, answer = post(host, body(text))
    return status, json.loads(answer)


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread of events brings about, a minute at most."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("do", "status", "kind"),
    [
        ("throttle", 429, "ThrottlingException"),
        ("500", 500, "InternalServerException"),
        ("503", 503, "ServiceUnavailableException"),
        ("400", 400, "ValidationException"),
        ("403", 403, "AccessDeniedException"),
        ("529", 529, "OverloadedException"),
    ],
)
def test_a_scripted_error_is_the_services_own_and_costs_nothing(
    host: RunningHost, do: str, status: int, kind: str
) -> None:
    host.behave(faults=[{"do": do, "times": 1}])
    asked: dict[str, Any] = json.loads(body())

    with host.client() as client, pytest.raises(ClientError) as error:
        client.converse(modelId=NOVA, **asked)

    assert error.value.response["Error"]["Code"] == kind
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert [(call["status"], call["output_tokens"]) for call in host.calls()] == [(status, 0)]
    assert converse(host)[0] == 200


def test_a_model_can_be_down_while_the_others_answer(host: RunningHost) -> None:
    host.behave(faults=[{"do": "503", "model": NOVA}])
    messages: list[Any] = [{"role": "user", "content": [{"text": "hi"}]}]

    assert converse(host)[0] == 503
    with host.client() as client:
        client.converse(modelId=MICRO, messages=messages)

    assert [(call["model"], call["status"]) for call in host.calls()] == [(NOVA, 503), (MICRO, 200)]


def test_the_error_type_header_carries_the_services_namespace(host: RunningHost) -> None:
    host.behave(faults=[{"do": "throttle"}])

    status, headers, answer = post(host, body())

    assert status == 429
    assert headers["x-amzn-errortype"].startswith("ThrottlingException:http://")
    assert headers["x-amzn-requestid"]
    assert json.loads(answer).keys() == {"message"}


def test_an_empty_answer_is_a_success_without_content_and_is_billed(host: RunningHost) -> None:
    host.behave(faults=[{"do": "empty", "match": "^empty"}])

    assert converse(host, "empty please") == (200, {})
    assert host.calls()[0]["output_tokens"] == 3


def test_a_truncated_answer_is_half_of_it(host: RunningHost) -> None:
    host.behave(faults=[{"do": "truncate"}])

    _, answer = converse(host, "01234567")

    assert answer["output"]["message"]["content"] == [{"text": "0123"}]
    assert (answer["stopReason"], answer["usage"]["outputTokens"]) == ("max_tokens", 1)


def test_a_filtered_answer_says_so_and_shows_nothing_of_what_was_written(host: RunningHost) -> None:
    host.behave(faults=[{"do": "filtered"}])

    _, answer = converse(host, "my secret")

    assert answer["stopReason"] == "content_filtered"
    assert "secret" not in json.dumps(answer)


def test_a_cut_answer_breaks_off_half_way_and_is_billed(host: RunningHost) -> None:
    host.behave(faults=[{"do": "cut", "times": 1}])

    with pytest.raises(http.client.IncompleteRead) as error:
        converse(host)

    assert len(error.value.partial) > 0
    (call,) = host.calls()
    assert (call["status"], call["input_tokens"], call["output_tokens"]) == (200, 3, 3)
    assert converse(host)[0] == 200


def test_a_hang_is_billed_at_once_and_lasts_until_the_client_gives_up(host: RunningHost) -> None:
    host.behave(faults=[{"do": "hang", "times": 1}])

    with closing(sent(host, body())) as waiting:
        until(lambda: len(host.calls()) == 1)
        waiting.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)

    (call,) = host.calls()
    assert (call["status"], call["output_tokens"]) == (None, 3)


def test_a_call_whose_client_went_away_is_paid_for_all_the_same(host: RunningHost) -> None:
    host.behave(latency_ms=300)

    with closing(sent(host, body())):
        pass
    until(lambda: len(host.calls()) == 1)

    (call,) = host.calls()
    assert (call["status"], call["output_tokens"]) == (None, 3)


def sent(host: RunningHost, payload: bytes) -> socket.socket:
    """Return a connection on which a whole request was sent and nothing was read."""
    connection = socket.create_connection(("127.0.0.1", host.port), timeout=60)
    head = (
        f"POST /model/amazon.nova-lite-v1%3A0/converse HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: x\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    connection.sendall(head.encode() + payload)
    return connection


def test_an_unsigned_call_is_refused_as_the_gateway_does(host: RunningHost) -> None:
    status, headers, answer = post(host, body(), headers={"Content-Type": "application/json"})

    assert status == 403
    assert headers["x-amzn-errortype"].startswith("MissingAuthenticationToken")
    assert json.loads(answer) == {"message": "Missing Authentication Token"}


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "object"),
        (b"{}", "'messages'"),
        (body(colour="red"), "extraneous key [colour] is not permitted"),
        (body(inferenceConfig={"maxTokens": "5"}), "'inferenceConfig.maxTokens'"),
        (body(inferenceConfig={"max_tokens": 5}), "extraneous key [max_tokens]"),
    ],
)
def test_a_body_that_no_sdk_would_send_is_refused_clearly(
    host: RunningHost, payload: bytes, why: str
) -> None:
    status, headers, answer = post(host, payload)

    assert (status, headers["x-amzn-errortype"].partition(":")[0]) == (400, "ValidationException")
    assert why in json.loads(answer)["message"]


def test_an_operation_that_is_not_served_is_unknown(host: RunningHost) -> None:
    status, headers, _ = post(host, body(), path="converse-stream")

    assert (status, headers["x-amzn-errortype"].partition(":")[0]) == (
        404, "UnknownOperationException",
    )  # fmt: skip


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_host_in_order_even_while_a_call_hangs(
    tmp_path: Path, sign: signal.Signals
) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "tests.emulator.host", "--engine", "echo"]
    command += ["--port-file", str(port_file)]
    with subprocess.Popen(command, cwd=ROOT) as started:  # noqa: S603 - our own module
        until(port_file.exists)
        host = RunningHost(port=int(port_file.read_text()), pid=started.pid)
        host.behave(faults=[{"do": "hang"}])
        with closing(sent(host, body())):
            until(lambda: len(host.calls()) == 1)
            os.kill(started.pid, sign)
            assert started.wait(timeout=60) == 0
