"""The real template, built and deployed by the real SAM CLI."""

import fcntl
import hashlib
import json
import os
import platform
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.emulator.bytecode import add_bytecode
from tests.emulator.server import tail

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / ".local"
BUILT = LOCAL / "build"
SOURCES = ("template.yaml", "samconfig.toml", "functions", "layers", "statemachines")


class DeployFailed(Exception):
    """SAM CLI could not build or deploy the template."""


def digest() -> str:
    """Return what the deployed thing is made of, as one string that changes with it."""
    files = (
        file
        for name in SOURCES
        for file in [ROOT / name, *(ROOT / name).rglob("*")]
        if file.is_file()
    )
    content = {
        str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if "__pycache__" not in file.parts
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@contextmanager
def building() -> Iterator[None]:
    """Keep the build to ourselves: several clouds deploy from it."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(*, log: Path) -> None:
    """Run `sam build`, unless what lies there was built from these very sources."""
    made_of, wanted = BUILT / "digest", digest()
    if made_of.exists() and made_of.read_text() == wanted:
        return
    where = ("--build-dir", str(BUILT), "--cache-dir", str(LOCAL / "build-cache"))
    _sam("build", *where, environment={}, log=log)
    add_bytecode(BUILT)
    made_of.write_text(wanted)


def deploy(environment: Mapping[str, str], *, log: Path) -> None:
    """Run `sam deploy` against the cloud that the environment leads to."""
    # The host's port is known only now; it is somebody's own server of OpenAI's API, too.
    own = f"EndpointUrls={environment['AWS_ENDPOINT_URL_BEDROCK_RUNTIME']}/v1"
    template = ("--template-file", str(BUILT / "template.yaml"))
    _sam("deploy", *template, environment=environment, log=log, more=[own])


def _sam(
    verb: str,
    *arguments: str,
    environment: Mapping[str, str],
    log: Path,
    more: Sequence[str] = (),
) -> None:
    """``more`` are parameters of the template besides those of the laptop."""
    options = ("--config-env", "local", "--config-file", str(ROOT / "samconfig.toml"))
    command = [
        str(LOCAL / "sam/bin/sam"),
        verb,
        *options,
        *arguments,
        "--parameter-overrides",
        *_parameters(),
        *more,
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        done = subprocess.run(  # noqa: S603 - a command of ours
            command,
            cwd=ROOT,
            env=sam_environment(environment),
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        msg = f"sam {verb} failed; the end of {log}:\n{tail(log)}"
        raise DeployFailed(msg)


def _parameters() -> list[str]:
    """Return the parameters of the laptop, for the processor that this laptop has."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = config["local"]["deploy"]["parameters"]["parameter_overrides"]
    kind = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    return [*(one for one in given if not one.startswith("Architecture=")), f"Architecture={kind}"]


def sam_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return SAM CLI's environment: the caller's, but its AWS account, and nothing written to the home."""
    home = LOCAL / "sam-home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "metadata.json").write_text(
        '{"telemetryEnabled": false, "lastVersionCheck": 4102444800}'
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **inherited,
        "__SAM_CLI_APP_DIR": str(home),
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.5",
        "PATH": f"{LOCAL / 'sam/bin'}:{os.environ['PATH']}",  # its python3.13 has the pip that sam build calls
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }
