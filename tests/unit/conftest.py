"""What holds for all tests in memory."""

from collections.abc import Mapping

from tests.timelapse import TimeLapse


def pytest_asyncio_loop_factories() -> Mapping[str, type[TimeLapse]]:
    """Let nobody wait for the clock: there is nothing else outside of memory that could be waited for."""
    return {"time lapse": TimeLapse}
