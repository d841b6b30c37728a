"""boto3's sessions, with another reader of botocore's models.

Four clients take 115 ms of CPU to make, half of it for JSON, and for a look into the folder of every service of AWS.
Who reads is a part of a session, and botocore lets it be changed (:mod:`botocore.loaders`).
"""

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import orjson
from botocore.loaders import JSONFileLoader, Loader, instance_cache


class Models(Loader):
    """What botocore knows of services, read by orjson."""

    def __init__(self) -> None:
        super().__init__(file_loader=Files())

    @instance_cache
    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - the loader's word
        """Return what has a folder, without a look at what is in it."""
        places = filter(os.path.isdir, self.search_paths)
        folders = (each for place in places for each in os.scandir(place) if each.is_dir())
        return sorted({folder.name for folder in folders})


class Files(JSONFileLoader):
    """JSON files, and compressed ones, by their names without the suffix."""

    def load_file(self, file_path: str) -> Any:
        """Return what a file holds, or None where there is none."""
        for suffix, unpacked in ((".json", bytes), (".json.gz", gzip.decompress)):
            path = Path(file_path + suffix)
            if path.is_file():
                return orjson.loads(unpacked(path.read_bytes()))
        return None


def new_session(*, region: str | None = None) -> boto3.Session:
    """Return a session of its own, for a thread: none is safe to be shared while it makes a client.

    Without ``region`` it has the Region that the surroundings name.
    """
    session = botocore.session.get_session()
    session.register_component("data_loader", Models())
    return boto3.Session(botocore_session=session, region_name=region or None)


@cache
def session() -> boto3.Session:
    """Return the session of all that is made outside of threads."""
    return new_session()
