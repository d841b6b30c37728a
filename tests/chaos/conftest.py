"""One bed for all tests that need one."""

from collections.abc import Iterator

import pytest

from tests.chaos.bed import Bed, made


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A laptop cloud without the stack, for the adapters and the workers themselves."""
    with made(tmp_path_factory.mktemp("bed")) as ready:
        yield ready
