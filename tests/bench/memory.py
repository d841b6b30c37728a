"""What a program holds."""

from pathlib import Path


def peak_megabytes() -> float:
    """Return the most that was resident since this program was started; rusage would count the parent's, too."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kilobytes) * 1024 / 1e6
