"""Who runs on this machine: which pids are alive, in which group, since when."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Alive:
    """A pid in use. The pid alone says little: once free, the system gives it to somebody else."""

    pid: int
    group: int
    started: str


def alive() -> dict[int, Alive]:
    """Return everybody who runs; not the dead that nobody has buried yet."""
    found = _from_proc() if (PROC / "self/stat").exists() else _from_ps()
    return {one.pid: one for one in found}


def boot() -> str:
    """Return a name of this run of the machine: no pid means anything after a reboot."""
    named = PROC / "sys/kernel/random/boot_id"
    return named.read_text().strip() if named.exists() else _said("sysctl", "-n", "kern.boottime")


def _from_proc() -> list[Alive]:
    return [one for entry in PROC.glob("[0-9]*") if (one := _read(entry)) is not None]


def _read(entry: Path) -> Alive | None:
    try:
        # The command's name stands in parentheses and may hold anything, even a closing one.
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None  # gone since the directory was listed
    state, group, started = fields[0], fields[2], fields[19]
    return None if state in "ZX" else Alive(int(entry.name), int(group), started)


def _from_ps() -> list[Alive]:
    rows = [
        row.split(None, 3)
        for row in _said("ps", "-A", "-o", "pid=,pgid=,stat=,lstart=").splitlines()
    ]
    return [
        Alive(int(pid), int(group), started)
        for pid, group, state, started in rows
        if not state.startswith("Z")
    ]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
