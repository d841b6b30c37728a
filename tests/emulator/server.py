"""A server of the laptop cloud: started, remembered in a file, and ended by whoever comes later."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.emulator.pids import alive, boot

GRACE = 5.0  # seconds between asking a server to end and ending it
PATIENCE = 60.0  # seconds that a busy machine may take over ending it


class ServerFailed(Exception):
    """A server ended before it answered, or did not answer in time."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """The leader of a group of its own, known by its pid, its start and the run of the machine."""

    pid: int
    started: str
    boot: str
    port: int

    @classmethod
    def remembered(cls, file: Path) -> "Server | None":
        """Return the server that the file tells of, whether or not it still runs."""
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            return cls(**json.loads(file.read_text()))
        return None

    def remember(self, file: Path) -> None:
        """Write down what `remembered` reads."""
        file.write_text(json.dumps(asdict(self)) + "\n")

    @property
    def alive(self) -> bool:
        """Whether the holder of this pid is still the one that was started."""
        holder = alive().get(self.pid)
        return self.boot == boot() and holder is not None and holder.started == self.started

    def members(self) -> list[int]:
        """Return the server's pid and those of its children, also when it died and they did not.

        A group keeps its id as long as it has a member, and no new pid takes a number that is a group's id. So
        with the leader gone the group is still ours; with a stranger in the leader's place nothing is.
        """
        everybody = alive()
        holder = everybody.get(self.pid)
        if self.boot != boot() or (holder is not None and holder.started != self.started):
            return []
        return [one.pid for one in everybody.values() if one.group == self.pid]

    def end(self) -> None:
        """End the server and its children, and return when they are gone."""
        for how, grace in ((signal.SIGTERM, GRACE), (signal.SIGKILL, PATIENCE)):
            if self.members():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, how)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)  # buries it, where it was our own child
            if until(lambda: not self.members(), seconds=grace):
                return
        msg = f"these pids will not end: {self.members()}"
        raise ServerFailed(msg)


def launch(
    command: list[str], *, environment: Mapping[str, str], log: Path, port: int = 0
) -> Server:
    """Start a command as the leader of a group of its own; what it says goes to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    pid = os.posix_spawn(
        command[0],
        command,
        environment,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    started = alive()[pid].started if pid in alive() else "already gone"
    return Server(pid=pid, started=started, boot=boot(), port=port)


def until(done: Callable[[], object], *, seconds: float) -> bool:
    """Ask again and again whether it is done; False when the time is over before it is."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def tail(log: Path, lines: int = 20) -> str:
    """Return the last lines of a log, for an error message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
