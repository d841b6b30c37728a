"""The bench of limits, small: what it tells of a client is what the client did."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.crew import Client, ClientFailed, send
from tests.bench.score import Limit
from tests.bench.throttle import Scenario, errands, leading_to, run
from tests.emulator.host.running import RunningHost

OURS = Client(name="ours", program="ours", ours=True, shares=True)
BOTO3 = Client(name="boto3_threads", program="boto3_threads", mode="standard")
WIDE = Scenario(
    name="wide",
    workers=2,
    in_flight=4,
    prompts=41,
    limit=Limit(per_minute=60_000),
    limit_model="bucket",
)
TIGHT = replace(WIDE, name="tight", limit=Limit(per_minute=30))


@pytest.mark.parametrize("client", [OURS, BOTO3], ids=lambda client: client.name)
def test_where_there_is_room_every_prompt_is_answered_once(
    client: Client, host: RunningHost, tmp_path: Path
) -> None:
    told = run(WIDE, client, host, kept=tmp_path)

    assert (told.failed, told.score.answered, told.score.refused) == (0, 41, 0)
    lines = map(json.loads, (tmp_path / f"wide.{client.name}.jsonl").read_text().splitlines())
    counted = [(line.get("status"), line.get("permits", 0)) for line in lines]
    assert sum(status == 200 for status, _ in counted) == 41
    assert sum(permits for _, permits in counted) == (41 if client.ours else 0)


def test_prompts_that_a_client_gives_up_are_told_as_failed(
    host: RunningHost, tmp_path: Path
) -> None:
    told = run(TIGHT, BOTO3, host, kept=tmp_path)

    assert told.failed > 20
    assert told.score.refused > 40


def test_a_client_that_is_not_done_in_time_is_ended_and_reports_nothing(host: RunningHost) -> None:
    with leading_to(host, OURS) as environment:
        host.behave(latency_ms=60_000)
        reports = send(OURS, errands(WIDE, OURS), environment, begin=lambda: None, patience=0.5)

    assert reports == [None, None]


def test_a_client_that_cannot_start_is_told(host: RunningHost) -> None:
    broken = replace(OURS, program="not_there")

    with leading_to(host, broken) as environment, pytest.raises(ClientFailed, match="ours ended"):
        send(broken, errands(WIDE, broken), environment, begin=lambda: None, patience=1)
