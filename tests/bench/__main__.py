"""Run benches by name, or all: one line of JSON for each figure; exit code 1 where one misses its target."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.bench.figure import Figure

HERE = Path(__file__).parent
# What benches share.
NO_BENCH = {
    "__main__",
    "admission",
    "crew",
    "disk",
    "figure",
    "memory",
    "ministack",
    "peers",
    "plot",
    "plumbing",
    "score",
    "tables",
}


def main(names: list[str]) -> int:
    every_one_ok = True
    for figure in figures(names or benches()):
        print(figure, flush=True)  # noqa: T201 - the lines are what a bench is for
        every_one_ok = every_one_ok and figure.ok
    return 0 if every_one_ok else 1


def benches() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NO_BENCH)


def figures(names: list[str]) -> Iterator[Figure]:
    for name in names:
        yield from import_module(f"tests.bench.{name}").figures()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
