"""The cloud on a laptop: ministack and the model host, with the real template deployed to them.

    python -m tests.emulator.cloud up [--engine llama|echo] [--at DIRECTORY]
    python -m tests.emulator.cloud down [--at DIRECTORY]

Everything of one cloud lies in its directory, so several can stand side by side: `env` to be sourced by a shell,
`log/`, what ministack unpacks in `tmp/`, and who runs in `*.json`.
"""

import argparse
import fcntl
import json
import logging
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import boto3

from tests.emulator import stack, surroundings
from tests.emulator.loopback import answers, free_port, tell
from tests.emulator.server import Server, ServerFailed, launch, tail, until

HEALTH = {"ministack": "/_ministack/health", "host": "/_host/health"}
PATIENCE = (
    60.0  # seconds until a server must answer; a slow disk takes its time over the language model
)
log = logging.getLogger("cloud")


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One laptop cloud, running or not."""

    at: Path = stack.LOCAL
    engine: str = "llama"
    wait_scale: float = 1.0  # how much of a second of a Wait state is really waited

    def up(self, *, deploy: bool = True) -> None:
        """Start what does not run and deploy what is not deployed; a second time there is nothing to do."""
        with self._alone():
            if not all(self._answers(server) for server in HEALTH):
                self._end()
                self._start()
            self._choose_engine()
            if deploy:
                self._deploy()
            lines = [
                f"export {name}={shlex.quote(value)}" for name, value in self.environment.items()
            ]
            self._file("env").write_text(
                "\n".join(["unset AWS_PROFILE AWS_SESSION_TOKEN", *lines, ""])
            )

    def down(self) -> None:
        """End what runs and forget it; logs stay."""
        with self._alone():
            self._end()

    @property
    def environment(self) -> dict[str, str]:
        """Return what leads a program of ours to this cloud instead of AWS."""
        return surroundings.of_a_client(ministack=self.url("ministack"), host=self.url("host"))

    def url(self, server: str) -> str:
        """Return where the server listens."""
        known = Server.remembered(self._record(server))
        if known is None:
            msg = f"there is no {server} in {self.at}: make up"
            raise ServerFailed(msg)
        return f"http://127.0.0.1:{known.port}"

    def client(self, service: str) -> Any:
        """Return a boto3 client of this cloud, with the rights of its root user."""
        credentials = surroundings.CREDENTIALS
        session = boto3.Session(
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            region_name=surroundings.REGION,
        )
        return cast("Any", session).client(service, endpoint_url=self.url("ministack"))

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the stack, by name."""
        asked = self.client("cloudformation").describe_stacks(StackName=surroundings.STACK)
        return {one["OutputKey"]: one["OutputValue"] for one in asked["Stacks"][0]["Outputs"]}

    def physical(self, logical: str) -> str:
        """Return the real name of a resource of the template."""
        asked = self.client("cloudformation").describe_stack_resource(
            StackName=surroundings.STACK, LogicalResourceId=logical
        )
        return str(asked["StackResourceDetail"]["PhysicalResourceId"])

    @contextmanager
    def without(self, role: str, *actions: str) -> Iterator[None]:
        """Take actions away from a role of the template, for a while."""
        iam, name = (
            self.client("iam"),
            {"RoleName": self.physical(role), "PolicyName": "taken-away"},
        )
        denied = {"Effect": "Deny", "Action": actions, "Resource": "*"}
        iam.put_role_policy(
            **name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": denied})
        )
        try:
            yield
        finally:
            iam.delete_role_policy(**name)

    def _start(self) -> None:
        log.info("starting the model host and ministack")
        tmp = self._file("tmp")
        tmp.mkdir(parents=True)
        python = str(stack.ROOT / ".venv/bin/python")
        command = [python, "-m", "tests.emulator.host", "--port", "0", "--engine", self.engine]
        port = free_port()
        ministack = f"http://127.0.0.1:{port}"
        self._launch("host", command, surroundings.of_host(tmp, ministack=ministack))
        self._await("host", lambda: self._announced("host"))
        python = str(stack.LOCAL / "ministack/bin/python")
        settings = surroundings.of_ministack(
            tmp, port=port, host=self.url("host"), wait_scale=self.wait_scale
        )
        self._launch("ministack", [python, "-m", "tests.emulator.amends"], settings, port)
        self._await("ministack", lambda: self._answers("ministack"))

    def _launch(
        self, server: str, command: list[str], environment: Mapping[str, str], port: int = 0
    ) -> None:
        launched = launch(command, environment=environment, log=self._log(server), port=port)
        launched.remember(self._record(server))

    def _await(self, server: str, ready: Callable[[], bool]) -> None:
        started = Server.remembered(self._record(server))
        if (
            started
            and until(lambda: ready() or not started.alive, seconds=PATIENCE)
            and started.alive
        ):
            return
        self._end()
        msg = (
            f"{server} does not answer; the end of {self._log(server)}:\n{tail(self._log(server))}"
        )
        raise ServerFailed(msg)

    def _announced(self, server: str) -> bool:
        """Whether the server has said on its first line which port it took; if so, remember it."""
        known = Server.remembered(self._record(server))
        with suppress(ValueError, KeyError, IndexError):
            said = json.loads(self._log(server).read_text().splitlines()[0])
            if known:
                replace(known, port=said["port"]).remember(self._record(server))
                return True
        return False

    def _answers(self, server: str) -> bool:
        known = Server.remembered(self._record(server))
        return known is not None and known.alive and answers(self.url(server) + HEALTH[server])

    def _choose_engine(self) -> None:
        # Told every time: somebody may have told the host something else since.
        tell(self.url("host") + "/_host/behaviour", {"engine": self.engine})

    def _deploy(self) -> None:
        wanted, deployed = stack.digest(), self._file("deployed")
        if deployed.exists() and deployed.read_text() == wanted:
            return
        with stack.building():
            log.info("building")
            stack.build(log=self._log("sam-build"))
            log.info("deploying")
            stack.deploy(self.environment, log=self._log("sam-deploy"))
        deployed.write_text(wanted)

    def _end(self) -> None:
        for server in HEALTH:
            if known := Server.remembered(self._record(server)):
                known.end()
        for file in (*map(self._record, HEALTH), *map(self._file, ("env", "deployed"))):
            file.unlink(missing_ok=True)
        shutil.rmtree(self._file("tmp"), ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self.at / name

    def _record(self, server: str) -> Path:
        return self.at / f"{server}.json"

    def _log(self, name: str) -> Path:
        return self.at / f"log/{name}.log"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one at a time start or end this cloud."""
        self.at.mkdir(parents=True, exist_ok=True)
        with self._file("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulator.cloud", description="The cloud on a laptop."
    )
    parser.add_argument("verb", choices=["up", "down"])
    parser.add_argument("--at", type=Path, default=stack.LOCAL, metavar="DIRECTORY")
    parser.add_argument("--engine", choices=["llama", "echo"], default="llama")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    cloud = Cloud(at=asked.at.resolve(), engine=asked.engine)
    try:
        cloud.up() if asked.verb == "up" else cloud.down()
    except (ServerFailed, stack.DeployFailed) as failure:
        log.error("%s", failure)  # noqa: TRY400 - it says what to look at
        return 1
    if asked.verb == "up":
        log.info("up; to use it from a shell: source %s", cloud.at / "env")
    return 0


if __name__ == "__main__":
    sys.exit(main())
