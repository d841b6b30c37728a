"""ministack alone, for clients that share a table and workers that need a bucket: nothing is deployed to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.emulator import surroundings
from tests.emulator.loopback import answers, free_port
from tests.emulator.server import ServerFailed, launch, tail, until
from tests.emulator.stack import LOCAL

SECONDS_TO_START = 60.0


@contextmanager
def ministack(host: str) -> Iterator[str]:
    """Run one until the block ends; ``host`` is the model host that its functions would ask."""
    with TemporaryDirectory() as folder:
        port, log = free_port(), Path(folder) / "log"
        url = f"http://127.0.0.1:{port}"
        server = launch(
            [str(LOCAL / "ministack/bin/python"), "-m", "tests.emulator.amends"],
            environment=surroundings.of_ministack(
                Path(folder), port=port, host=host, wait_scale=1.0
            ),
            log=log,
            port=port,
        )
        try:
            if not until(lambda: answers(f"{url}/_ministack/health"), seconds=SECONDS_TO_START):
                raise ServerFailed(f"ministack does not answer; the end of its log:\n{tail(log)}")
            yield url
        finally:
            server.end()
