"""The filters that look at an answer's form, one by one and all at once, and what extraction and validation take.

Targets are of all local filters together (docs/filters.md): 0.2 ms for a clean answer of two kilobytes.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from batchwright.extraction import within
from batchwright.filters import Filters, Means, Subject
from batchwright.finding import Stage
from batchwright.folding import Text
from batchwright.placeholders import Placeholders
from batchwright.screening import Screen
from batchwright.validator import Validator
from tests.bench.figure import Figure, at_most, untargeted

HANDBOOK = Path(__file__).parents[2] / "docs/samples/handbook.md"
CLEAN = " ".join(HANDBOOK.read_text().split())[:2_000]
FULL = (
    "I'm sorry, but I can't help with that. "
    + '"Nobody ever said anything of this kind" and “nor was this ever said by anybody”. ' * 10
    + "Il n'y a rien à faire, et personne ne sait pourquoi. " * 20
)[:2_000]
ENTRIES: dict[str, Any] = {
    "citations": "pass",
    "language": {"allow": ["en"], "then": "pass"},
    "refusal": "pass",
    "repetition": "pass",
}
SCHEMA = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["bug", "wish"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "n": {"type": "integer"},
    },
    "required": ["kind", "tags"],
    "additionalProperties": False,
}
ANSWER = {"kind": "bug", "tags": ["a", "b", "c"], "n": 3}
MEGABYTES = 5_000_000


def figures() -> Iterator[Figure]:
    for name in ENTRIES:
        yield untargeted(f"forms: {name}, clean 2 KB", _looks([name], CLEAN), "ms")
        yield untargeted(f"forms: {name}, 2 KB of findings", _looks([name], FULL), "ms")
    yield at_most("forms: all four, clean 2 KB", _looks([*ENTRIES], CLEAN), 0.2, "ms")
    yield at_most("forms: all four, 2 KB of findings", _looks([*ENTRIES], FULL), 1.5, "ms")
    validator = Validator(SCHEMA)
    yield untargeted("forms: schema, compile", _median(lambda: Validator(SCHEMA), 50), "ms")
    yield untargeted("forms: schema, fits", _median(lambda: validator.violation(ANSWER)), "ms")
    yield untargeted("forms: schema, does not", _median(lambda: validator.violation({})), "ms")
    fenced = f"Here it is:\n```json\n{json.dumps(ANSWER)}\n```\n{CLEAN}"
    yield untargeted("forms: extraction, 2 KB", _median(lambda: [*within(fenced)]), "ms")
    for name, text in (
        ("100,000 brackets", "[" * 100_000),
        ("5 MB of prose", CLEAN * (MEGABYTES // len(CLEAN))),
        ("5 MB of brackets", "[1," * (MEGABYTES // 3)),
    ):
        took = _median(lambda text=text: [*within(text)], 3)  # type: ignore[misc]
        yield at_most(f"forms: extraction, {name}", took, 1_000, "ms")


def _looks(names: list[str], text: str) -> float:
    filters = Filters.model_validate({"output": [{name: ENTRIES[name]} for name in names]})
    placed = [(entry.name, entry.settings) for entry in filters.output]
    screen = Screen(Stage.OUTPUT, placed, Means())

    async def looks() -> float:
        took = []
        for _ in range(300):
            began = time.perf_counter()
            subject = Subject(stage=Stage.OUTPUT, texts=[Text(text)], asked=lambda: [CLEAN])
            await screen.look(subject, Placeholders())
            took.append(time.perf_counter() - began)
        return statistics.median(took) * 1e3

    return round(asyncio.run(looks()), 4)


def _median(act: Callable[[], Any], times: int = 1_000) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1e3, 4)
