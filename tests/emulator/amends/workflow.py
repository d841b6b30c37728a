"""A Distributed Map runs as many children at a time as MaxConcurrencyPath says; ministack reads MaxConcurrency only."""

from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions

from tests.emulator.amends import amend


@amend(stepfunctions, "_run_distributed_map")
def _(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_with_concurrency(state: dict[str, Any], raw: Any, effective: Any, *rest: Any) -> Any:
        if path := state.get("MaxConcurrencyPath"):
            state = {**state, "MaxConcurrency": stepfunctions._resolve_path(path, effective)}
        return run(state, raw, effective, *rest)

    return run_with_concurrency
