"""YAML as contracts are written in it: what YAML 1.1 would silently read otherwise is found and told.

``no`` is false, ``2026-11-29`` a date, ``on:`` the name ``True``, a name that stands twice loses its first value, and a
few aliases of aliases grow without end. None of this is ever meant in a contract.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

# So many values may a contract have, with what aliases repeat.
MOST_VALUES = 50_000
_TAG = "tag:yaml.org,2002:"
_PLAIN = {_TAG + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge")}
_READ_AS = {
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "null": "nothing",
    "timestamp": "a date",
}

type Misread = tuple[tuple[Any, ...], str]
"""Where something is wrong, and what to do about it."""


@dataclass(slots=True)
class Composed:
    """A document: its fields, or what in it is not what it seems, and where everything stands."""

    root: yaml.Node | None
    misread: list[Misread] = field(default_factory=list)
    fields: Any = None

    def line_of(self, steps: tuple[Any, ...]) -> int | None:
        """Return the line of what stands at a place, or around it."""
        node, line = self.root, None
        for step in steps:
            found = _entry(node, step)
            if found is None:
                break
            node, line = found
        return line


def composed(text: bytes) -> Composed:
    """Read a document; raises what PyYAML raises where it is none."""
    loader = yaml.SafeLoader(text)
    try:
        document = Composed(loader.get_single_node())
        if document.root is not None:
            document.misread += _misread(document.root)
            if not document.misread:
                document.fields = loader.construct_document(document.root)
        return document
    finally:
        loader.dispose()


def _entry(node: yaml.Node | None, step: Any) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        inner = node.value[step]
        return inner, inner.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for name, inner in node.value:
            if name.value == str(step):
                return inner, name.start_mark.line + 1
    return None


def _misread(root: yaml.Node) -> Iterator[Misread]:
    """Yield what is wrong; a node that aliases repeat is looked at once."""
    if _values(root, {}) > MOST_VALUES:
        yield (
            (),
            f"its aliases repeat more than {MOST_VALUES:,} values, or themselves: write it without them",
        )
        return
    waiting: list[tuple[tuple[Any, ...], yaml.Node]] = [((), root)]
    seen: set[int] = set()
    while waiting:
        steps, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _misread_names(steps, node)
            inner = [((*steps, name.value), value) for name, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            inner = [((*steps, number), value) for number, value in enumerate(node.value)]
        else:
            yield from _misread_value(steps, node)
            inner = []
        waiting += reversed(inner)


def _misread_names(steps: tuple[Any, ...], node: yaml.MappingNode) -> Iterator[Misread]:
    names: set[str] = set()
    for name, _ in node.value:
        if not isinstance(name, yaml.ScalarNode):
            yield (
                steps,
                "a name is wanted before each colon; braces at the beginning need quotes, as '{{ title }}'",
            )
            continue
        kind = name.tag.removeprefix(_TAG)
        if kind in _READ_AS:
            yield (
                (*steps, name.value),
                f"YAML reads this name as {_READ_AS[kind]}: put it in quotes",
            )
        elif name.value in names:
            yield (
                (*steps, name.value),
                "this stands there twice: only one would count, so leave one out",
            )
        names.add(name.value)


def _misread_value(steps: tuple[Any, ...], node: yaml.Node) -> Iterator[Misread]:
    kind = node.tag.removeprefix(_TAG)
    if kind == "timestamp":
        yield steps, "YAML reads this as a date: put it in quotes"
    elif kind == "bool" and node.value.lower() not in {"true", "false"}:
        yield (
            steps,
            "YAML reads yes, no, on and off as true or false: write true or false, or put it in quotes",
        )
    elif node.tag not in _PLAIN:
        yield steps, "tags with ! are not known here: write plain values"


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values below a node, again wherever an alias repeats them; what holds itself has no end."""
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1
        below: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            below = [each for entry in node.value for each in entry]
        elif isinstance(node, yaml.SequenceNode):
            below = node.value
        known[id(node)] = 1 + sum(_values(each, known) for each in below)
    return known[id(node)]
