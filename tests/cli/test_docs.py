"""The page on the command holds every command and every option, and the layer none of the command's dependencies."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from batchwright.cli.app import app
from tests.cli.conftest import Command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text()
PACKAGE = ROOT / "layers" / "core" / "batchwright"


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = [*commands(typer.main.get_command(app))]
NAMES = [" ".join(path) for path, _ in COMMANDS]


def test_the_commands_are_these() -> None:
    assert sorted(NAMES) == [
        "cancel", "consistency", "contract check", "contract diff", "contract put", "contract schema",
        "contract show", "estimate", "forget", "jobs", "ledger", "prove", "redrive", "results",
        "review list", "review reject", "review release", "review serve", "review show",
        "status", "submit", "trace", "verify", "watch",
    ]  # fmt: skip


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=NAMES)
def test_a_command_and_its_options_are_documented(path: tuple[str, ...], command: Any) -> None:
    assert f"batchwright {' '.join(path)} " in PAGE
    for parameter in command.params:
        for name in parameter.opts:
            if name.startswith("-"):
                assert f"`{name}" in PAGE, f"{name} of {path} is not in docs/cli.md"


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=NAMES)
def test_a_command_and_its_options_have_help(
    batchwright: Command, path: tuple[str, ...], command: Any
) -> None:
    said = batchwright(*path, "--help")

    assert said.code == 0
    assert command.help
    assert all(parameter.help for parameter in command.params)
    assert "--json" in said.out


def test_without_arguments_it_shows_its_help(batchwright: Command) -> None:
    said = batchwright()

    assert said.code == 2
    assert "Usage: batchwright" in said.out
    assert said.err == ""


def test_it_tells_its_version(batchwright: Command) -> None:
    assert batchwright("--version").out.startswith("batchwright 0.")


def test_only_the_command_imports_typer_and_rich() -> None:
    modules = [file for file in PACKAGE.rglob("*.py") if file.parent.name != "cli"]

    importing = [file.name for file in modules if imported(file) & {"typer", "rich"}]

    assert len(modules) > 30
    assert importing == []


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}
