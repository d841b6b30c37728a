"""The layers' bytecode: Lambda can write none, and would compile everything at each cold start."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulator.bytecode import NOT_IMPORTED, add_bytecode
from tests.house.cloudformation import ROOT

UNCHECKED_HASH = 1  # PEP 552: a hash, not a time, and never held against the source


def laid_out(build: Path, name: str, source: str = "ANSWER = 42") -> Path:
    file = build / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    return file


def test_the_layer_has_bytecode_that_no_unpacking_makes_stale(tmp_path: Path) -> None:
    source = laid_out(tmp_path, "CoreLayer/python/batchwright/job.py")

    add_bytecode(tmp_path)

    bytecode = Path(importlib.util.cache_from_source(str(source))).read_bytes()
    assert bytecode[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH
    assert b"/opt/python/batchwright/job.py" in bytecode
    assert str(tmp_path).encode() not in bytecode


def test_what_no_function_imports_takes_no_room(tmp_path: Path) -> None:
    unused = laid_out(tmp_path, "CoreLayer/python/aws_lambda_powertools/utilities/parser/models.py")
    header = laid_out(tmp_path, "ParquetLayer/python/pyarrow/include/arrow/api.h")
    needed = laid_out(tmp_path, "ParquetLayer/python/pyarrow/parquet/core.py")

    add_bytecode(tmp_path)

    assert not Path(importlib.util.cache_from_source(str(unused))).exists()
    assert not header.exists()
    assert needed.exists()


def test_what_functions_load_is_compiled() -> None:
    program = """
import importlib, pathlib, sys
for file in [*pathlib.Path("functions").glob("*.py"), *pathlib.Path("layers/core/batchwright/aws").rglob("*.py")]:
    name = ".".join(file.with_suffix("").parts).removeprefix("layers.core.").removesuffix(".__init__")
    importlib.import_module(name)
print(*(module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)), sep="\\n")
"""
    told = subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'layers/core'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = told.stdout.splitlines()

    assert any(file.endswith("circuit_breaker/persistence/dynamodb.py") for file in loaded)
    assert [file for file in loaded if NOT_IMPORTED.search(file)] == []


def test_a_layer_that_does_not_compile_is_not_deployed(tmp_path: Path) -> None:
    laid_out(tmp_path, "CoreLayer/python/batchwright/job.py", "def")

    with pytest.raises(RuntimeError, match="does not compile"):
        add_bytecode(tmp_path)
