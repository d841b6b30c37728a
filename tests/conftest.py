"""What holds for every test."""

import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from threading import RLock
from typing import Any

import botocore.loaders
import pytest
from botocore.handlers import BUILTIN_HANDLERS
from hypothesis import HealthCheck, settings
from moto.core.models import botocore_stubber
from xdist.scheduler import LoadScopeScheduling

from tests.canary import CANARY, Listener

# A machine that does other things beside is no reason to fail.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

LISTENER = Listener()
logging.getLogger().addHandler(LISTENER)

ONE_BY_ONE = RLock()


def answer_one_by_one(event_name: str, request: Any, **_: Any) -> Any:
    """Let moto answer a request before it looks at the next: DynamoDB changes an item in one step, moto in several."""
    with ONE_BY_ONE:
        return botocore_stubber(event_name, request)


# In the place that moto has taken: every client that is made from here on asks it.
MOTOS = ("before-send", botocore_stubber)
BUILTIN_HANDLERS[BUILTIN_HANDLERS.index(MOTOS)] = ("before-send", answer_one_by_one)


class OneOfEach(list[str]):
    """The places where descriptions lie: every session names boto3's once more, and each of them would be looked at."""

    def append(self, place: str) -> None:
        if place not in self:
            super().append(place)


@pytest.fixture(scope="session", autouse=True)
def descriptions() -> Iterator[None]:
    """Descriptions of the services, read once: every session of boto3's would read its own."""
    with pytest.MonkeyPatch.context() as patch:
        loader = botocore.loaders.Loader(extra_search_paths=OneOfEach())
        patch.setattr(botocore.loaders, "create_loader", lambda _=None: loader)
        yield


# Tests of the deployed stack mostly wait: two clouds wait for half as long, and more would need more memory.
HALF_OF_SYSTEM = "tests/system/test_j"
# What takes longest is begun first, so that at the end nobody works alone.
LONGEST = ("tests/system", "tests/chaos", "tests/cli")


def place_of(item: pytest.Item) -> Path:
    return item.path.relative_to(item.config.rootpath)


def turn_of(item: pytest.Item) -> int:
    place = place_of(item)
    turns = (turn for turn, folder in enumerate(LONGEST) if place.is_relative_to(folder))
    return next(turns, len(LONGEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests when everybody else has."""
    items.sort(key=turn_of)


class ByPlace(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """Keeps together what shares a cloud, or a file's servers, where tests run on several processes.

    xdist's own groups are parts of node ids, which pytest 9.2 no longer lets it change: there every test goes alone.
    """

    def _split_scope(self, nodeid: str) -> str:
        place = nodeid.split("::", maxsplit=1)[0]
        if not place.startswith("tests/system/"):
            return place
        return "one cloud" if place < HALF_OF_SYSTEM else "another cloud"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPlace:
    """Let tests be handed out by their places."""
    return ByPlace(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[Any, pytest.TestReport, pytest.TestReport]:
    """Fail a test in which a record's text was logged, or written where nobody asked for it."""
    report = yield
    sung = [f"log {place}" for place in LISTENER.heard]
    sung += [name for name, text in report.sections if CANARY in text]
    LISTENER.heard.clear()
    if sung and report.passed:
        report.outcome = "failed"
        report.longrepr = f"the canary sings in: {', '.join(sung)}"
    return report
