"""The ``batchwright`` command; what it needs beyond the layer is in the extra ``cli``."""

import sys
from collections.abc import Sequence

NEEDED = {"rich", "typer"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        from batchwright.cli.app import run  # noqa: PLC0415 - without the extra, say so in a line
    except ModuleNotFoundError as missing:
        if missing.name not in NEEDED:
            raise
        sys.stderr.write(
            "batchwright: the command is an extra: pip install '.[cli]' in the repository\n"
        )
        return 2
    return run(arguments)
