"""The environment of peers that the project does not depend on: made when it is first asked for."""

import shutil
import subprocess
from pathlib import Path

from tests.emulator.stack import LOCAL, ROOT

PINS = Path(__file__).parent / "peers.txt"
PLACE = LOCAL / "peers"


def python() -> str:
    """Return the interpreter that has the peers."""
    installed = PLACE / "installed"
    if not installed.exists() or installed.read_bytes() != PINS.read_bytes():
        made = PLACE / "bin/python"
        _uv("venv", "--clear", str(PLACE))
        _uv("pip", "install", "--compile-bytecode", "--python", str(made), "-r", str(PINS))
        shutil.copy(PINS, installed)
    return str(PLACE / "bin/python")


def _uv(*arguments: str) -> None:
    command = ["tests/emulator/setup.sh", "uv", arguments[0], "--quiet", *arguments[1:]]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - a command of ours
