"""What holds for every test."""

import logging
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

from tests.canary import CANARY, Listener

# A machine that does other things beside is no reason to fail.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

LISTENER = Listener()
logging.getLogger().addHandler(LISTENER)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares a cloud, or a file's servers, where tests run on several processes."""
    for item in items:
        place = item.path.relative_to(item.config.rootpath)
        shares = "the laptop cloud" if place.is_relative_to("tests/system") else str(place)
        item.add_marker(pytest.mark.xdist_group(shares))


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
