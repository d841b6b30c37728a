"""The template, read and expanded once for all tests of the house."""

import pytest

from tests.house.cloudformation import Template, expand, read


@pytest.fixture(scope="session")
def written() -> Template:
    """template.yaml as it is written."""
    return read()


@pytest.fixture(scope="session")
def expanded(written: Template) -> Template:
    """template.yaml as CloudFormation gets it."""
    return expand(written)
