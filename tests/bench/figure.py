"""One number that a bench measured."""

import json
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A value held against its target; what is told for comparison only has none."""

    name: str
    value: float
    target: float | None
    ok: bool
    unit: str = ""

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def at_least(name: str, value: float, target: float, unit: str = "") -> Figure:
    return Figure(name=name, value=value, target=target, ok=value >= target, unit=unit)


def at_most(name: str, value: float, target: float, unit: str = "") -> Figure:
    return Figure(name=name, value=value, target=target, ok=value <= target, unit=unit)


def untargeted(name: str, value: float, unit: str = "") -> Figure:
    return Figure(name=name, value=value, target=None, ok=True, unit=unit)


def without_target(figure: Figure) -> Figure:
    return replace(figure, target=None, ok=True)
