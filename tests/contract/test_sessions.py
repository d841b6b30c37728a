"""What reads botocore's models for us, held to botocore's own reader, file by file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import JSONFileLoader, Loader

from batchwright import aws
from batchwright.aws.sessions import Files, Models, new_session, session


def files() -> Iterator[str]:
    """Yield what is known of AWS, and of the services that our code names, as a loader asks for it."""
    told = Path(Loader.BUILTIN_DATA_PATH)
    for folder in (told, *(told / service for service in services())):
        for file in folder.glob("*.json*" if folder == told else "*/*.json*"):
            yield str(file).removesuffix(".gz").removesuffix(".json")


def services() -> set[str]:
    sources = (file.read_text() for file in Path(aws.__path__[0]).rglob("*.py"))
    named = {name for source in sources for name in re.findall(r'"([a-z0-9-]+)"', source)}
    return named & {*Loader().list_available_services("service-2")}


def test_a_model_is_what_botocore_reads_in_the_same_order() -> None:
    # As text, which has the order of names, and tells 1 from 1.0.
    unlike = [
        file
        for file in files()
        if json.dumps(Files().load_file(file)) != json.dumps(JSONFileLoader().load_file(file))
    ]

    assert unlike == []


def test_the_services_that_functions_ask_are_among_those() -> None:
    assert {"bedrock-runtime", "dynamodb", "kms", "s3", "secretsmanager"} <= services()


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert Files().load_file(str(tmp_path / "service-2")) is None


def test_the_same_services_are_known() -> None:
    known = Loader().list_available_services("service-2")

    assert Models().list_available_services("service-2") == known


def test_what_is_no_service_is_said_to_be_none() -> None:
    with pytest.raises(UnknownServiceError, match="s33"):
        new_session().client("s33")


def test_clients_are_made_of_what_orjson_read() -> None:
    assert isinstance(session()._session.get_component("data_loader"), Models)
