"""Who may know whom, where import-linter does not look: handlers, and words that no name may have."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HANDLERS = sorted(ROOT.glob("functions/*.py"))
CODE = sorted([*ROOT.glob("functions/*.py"), *ROOT.glob("layers/core/batchwright/**/*.py")])
NEVER = {
    "processor",
    "process",
    "manager",
    "manage",
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
}
STEPS = {"admit", "plan", "invoke", "submit", "collect", "wake", "join", "close", "sweep"}
OUTSIDE = {"admit", "sweep", "wake"}  # before the workflow, and beside it


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return names | {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: file.name)
def test_a_handler_knows_no_aws_client_and_no_other_handler(file: Path) -> None:
    allowed = re.compile(r"^(batchwright\.|aws_lambda_powertools\.|typing$|asyncio$)")

    assert {name for name in imported(file) if not allowed.match(name)} == set()


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: file.name)
def test_a_handler_decides_nothing(file: Path) -> None:
    branches = (ast.If, ast.While, ast.Try, ast.IfExp, ast.Match)

    assert not [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, branches)
    ]


@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_verb_stands_in_its_six_places(step: str) -> None:
    assert (ROOT / f"functions/{step}.py").exists()
    assert (ROOT / f"layers/core/batchwright/steps/{step}.py").exists()
    assert (ROOT / f"tests/unit/test_{step}.py").exists()
    assert list(ROOT.glob(f"events/{step}.*.json"))
    assert f"{step.title()}Function:" in (ROOT / "template.yaml").read_text()
    if step not in OUTSIDE:
        assert f'"{step.title()}": {{' in (ROOT / "statemachines/job.asl.json").read_text()


@pytest.mark.parametrize("file", CODE, ids=lambda file: "/".join(file.parts[-2:]))
def test_no_file_and_no_function_has_a_word_that_means_nothing(file: Path) -> None:
    tree = ast.parse(file.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [node.name for node in ast.walk(tree) if isinstance(node, kinds)]

    words = {
        word.lower() for name in (file.stem, *names) for word in re.findall(r"[A-Z]?[a-z]+", name)
    }
    assert not words & NEVER


@pytest.mark.parametrize("file", CODE, ids=lambda file: "/".join(file.parts[-2:]))
def test_nothing_of_aws_happens_at_import(file: Path) -> None:
    """A client, a setting or a file that is read at import makes every test of it a trick."""
    tree = ast.parse(file.read_text())
    calls = {
        ast.unparse(node.func)
        for statement in tree.body
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr))
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    }

    assert not {call for call in calls if call.startswith(("boto3", "os.environ", "open"))}
