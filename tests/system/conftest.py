"""One laptop cloud for all system tests, and a function in it that runs what a test sends it."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.emulator.cloud import Cloud
from tests.system.listening import places_where_it_sings
from tests.system.stack_under_test import StackUnderTest

PROBE = """
def handler(event, context):
    scope = {}
    exec(event["code"], scope)
    return scope["answer"]
"""
type Probe = Callable[[str], Any]


class ProbeFailed(Exception):
    """The function raised; the arguments are what Lambda says: the error's class and its words."""


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A laptop cloud of this test run's own, with the real template and the echo engine."""
    cloud = Cloud(at=tmp_path_factory.mktemp("cloud"), engine="echo", wait_scale=0.2)
    try:
        cloud.up()
        yield cloud
    finally:
        cloud.down()


@pytest.fixture(scope="session")
def probe(cloud: Cloud) -> Probe:
    """Run code in a Lambda function with plan's role, layer and environment; it leaves its answer in `answer`."""
    return install_probe(cloud)


def install_probe(cloud: Cloud) -> Probe:
    client = cloud.client("lambda")
    plan = client.get_function_configuration(FunctionName=cloud.physical("PlanFunction"))
    client.create_function(
        FunctionName="probe",
        Runtime="python3.13",
        Handler="probe.handler",
        Role=plan["Role"],
        Layers=[layer["Arn"] for layer in plan["Layers"]],
        Environment={"Variables": plan["Environment"]["Variables"]},
        Timeout=10,
        Code={"ZipFile": zipped({"probe.py": PROBE})},
    )

    def run(code: str) -> Any:
        said = client.invoke(FunctionName="probe", Payload=json.dumps({"code": code}))
        payload = json.loads(said["Payload"].read())
        if "FunctionError" in said:
            raise ProbeFailed(payload["errorType"], payload["errorMessage"])
        return payload

    return run


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


@pytest.fixture(scope="session")
def deployed(cloud: Cloud) -> Iterator[StackUnderTest]:
    """Give the stack on that cloud, seen as its users see it; at the end, no text of a record is where none must be."""
    yield StackUnderTest(cloud)
    assert places_where_it_sings(cloud) == []


@pytest.fixture
def stack(deployed: StackUnderTest) -> Iterator[StackUnderTest]:
    """Give the stack with a host that behaves, before and after."""
    deployed.behave()
    deployed.forget_models()
    yield deployed
    deployed.behave()
