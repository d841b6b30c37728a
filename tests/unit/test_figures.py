import json

import pytest

from tests.bench.__main__ import benches, main
from tests.bench.figure import Figure, at_least, at_most, untargeted


def test_a_figure_is_one_line_of_json() -> None:
    told = json.loads(str(at_least("plan.speed", 310.0, 300, "MB/s")))

    assert told == {"name": "plan.speed", "value": 310.0, "target": 300, "ok": True, "unit": "MB/s"}


@pytest.mark.parametrize(
    ("figure", "ok"),
    [
        (at_least("a", 3, 3), True),
        (at_least("a", 2.9, 3), False),
        (at_most("a", 3, 3), True),
        (at_most("a", 3.1, 3), False),
    ],
)
def test_a_figure_is_held_against_its_target(figure: Figure, ok: bool) -> None:
    assert figure.ok is ok


def test_what_benches_share_is_no_bench() -> None:
    assert benches() == [
        "close",
        "filters",
        "forms",
        "governor",
        "imports",
        "ledger",
        "plan",
        "secrets",
        "throttle",
        "worker",
    ]


def test_what_has_no_target_is_never_missed() -> None:
    told = json.loads(str(untargeted("boto3.failed", 1025, "of 1500")))

    assert (told["target"], told["ok"]) == (None, True)


def test_a_bench_that_is_not_there_is_no_success() -> None:
    with pytest.raises(ModuleNotFoundError):
        main(["no_such_bench"])
