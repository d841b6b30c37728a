from collections.abc import Iterator
from tests.bench.figure import Figure
from tests.emulator.host.running import RunningHost
def figures(host: RunningHost) -> Iterator[Figure]:
    yield from ()
