"""One bed for all tests that need one."""

from collections.abc import Iterator, Mapping

import pytest

from tests.chaos.bed import Bed, made
from tests.timelapse import TimeLapse


def pytest_asyncio_loop_factories() -> Mapping[str, type[TimeLapse]]:
    """Let nobody in memory wait for the clock."""
    return {"time lapse": TimeLapse}


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A laptop cloud without the stack, for the adapters and the workers themselves."""
    with made(tmp_path_factory.mktemp("bed")) as ready:
        yield ready
