"""What the layers carry: exactly what uv.lock names, each package once, and no more than Lambda takes."""

import tomllib

from tests.house.cloudformation import ROOT

LOCKED = {
    f"{package['name']}=={package['version']}"
    for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
}


def carried(layer: str) -> list[str]:
    """The pinned packages of a layer; one that is for another system only is named with it."""
    lines = (ROOT / "layers" / layer / "requirements.txt").read_text().splitlines()
    return [line.partition(" ;")[0] for line in lines]


def test_every_layer_carries_what_the_lock_file_names() -> None:
    layers = {file.parent.name for file in ROOT.glob("layers/*/requirements.txt")}

    assert layers == {"core", "parquet"}
    for layer in layers:
        assert {*carried(layer)} <= LOCKED


def test_reading_parquet_brings_one_package_that_the_core_has_not() -> None:
    (package,) = carried("parquet")

    assert package.startswith("pyarrow==")
    assert package not in carried("core")
