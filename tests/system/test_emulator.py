"""The laptop cloud starts once, leads a shell to it, and ends without a trace and without harming a stranger."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.cloud import Cloud
from tests.emulator.pids import alive
from tests.emulator.server import Server, ServerFailed, launch, until
from tests.system.conftest import install_probe

SLEEP = "print('awake', flush=True); import time; time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
STATUS = """
import boto3, os
found = boto3.client("cloudformation").describe_stacks(StackName=os.environ["BATCHWRIGHT_STACK"])
print(found["Stacks"][0]["StackStatus"])
"""


def records(cloud: Cloud) -> dict[str, Any]:
    return {
        name: json.loads((cloud.at / f"{name}.json").read_text()) for name in ("ministack", "host")
    }


def start(program: str, log: Path) -> Server:
    server = launch([sys.executable, "-c", program], environment={}, log=log)
    assert until(lambda: "awake" in log.read_text(), seconds=60)
    return server


def test_up_a_second_time_starts_and_deploys_nothing(cloud: Cloud) -> None:
    before = records(cloud), (cloud.at / "log/sam-deploy.log").stat().st_mtime_ns

    cloud.up()

    assert (records(cloud), (cloud.at / "log/sam-deploy.log").stat().st_mtime_ns) == before


def test_the_env_file_leads_a_shell_to_the_stack_whatever_account_it_knew(cloud: Cloud) -> None:
    script = f". {shlex.quote(str(cloud.at / 'env'))}; {shlex.quote(sys.executable)} -c {shlex.quote(STATUS)}"
    elsewhere = {"PATH": os.environ["PATH"], "AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "mine"}

    said = subprocess.run(  # noqa: S603 - a script of ours
        ["/bin/sh", "-c", script], env=elsewhere, capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def test_another_engine_is_chosen_without_a_new_start(cloud: Cloud) -> None:
    before = records(cloud)

    replace(cloud, engine="llama").up()
    cloud.up()

    assert records(cloud) == before


def test_a_second_cloud_cleans_up_after_a_crash_stands_apart_and_goes_with_its_workers(
    cloud: Cloud, tmp_path: Path
) -> None:
    second = Cloud(at=tmp_path, engine="echo")
    orphan = start(SLEEP, second.at / "log/host.log")
    orphan.remember(second.at / "host.json")
    (second.at / "deployed").write_text("before the crash")

    try:
        second.up()
        assert not orphan.alive

        assert install_probe(second)("answer = 'deployed'") == "deployed"
        groups = {record["pid"] for record in records(second).values()}
        members = [one for one in alive().values() if one.group in groups]
        assert len(members) == len(["ministack", "host", "worker"])
    finally:
        second.down()

    assert not [one for one in alive().values() if one.group in groups]
    assert sorted(left.name for left in second.at.iterdir()) == ["lock", "log"]
    assert cloud.outputs()["BucketName"]


def test_a_server_goes_with_its_children(tmp_path: Path) -> None:
    server = start(PARENT, tmp_path / "log")
    assert len(server.members()) == 2

    server.end()

    assert server.members() == []


def test_children_whose_parent_was_killed_go_too(tmp_path: Path) -> None:
    server = start(PARENT, tmp_path / "log")
    os.kill(server.pid, 9)
    assert until(lambda: not server.alive, seconds=60)
    assert len(server.members()) == 1

    server.end()

    assert server.members() == []


@pytest.mark.parametrize("known", ["started", "boot"])
def test_a_stranger_with_the_pid_of_a_dead_server_is_left_alone(tmp_path: Path, known: str) -> None:
    stranger = start(SLEEP, tmp_path / "log")
    stale = Server(**{**asdict(stranger), known: "another"})

    stale.end()

    assert not stale.alive
    assert stranger.alive
    stranger.end()


def test_a_server_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    cloud = Cloud(at=tmp_path, engine="no such engine")

    with pytest.raises(
        ServerFailed, match=r"host does not answer(.|\n)*invalid choice: 'no such engine'"
    ):
        cloud.up()

    assert not (tmp_path / "host.json").exists()


def test_a_cloud_that_is_down_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"there is no ministack in .*: make up"):
        Cloud(at=tmp_path).client("s3")
