"""A whole JSON Schema, compiled once, and where a value does not fit it.

No document outside the schema is ever fetched. Patterns run on an engine of linear time, so that look-around is
refused; and what references unfold to is counted before, since checking takes time in proportion to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

# So many ways lead through a schema at most: each is walked for every value.
MOST_WAYS = 100_000
# Naming the place of a fault in a recursive schema takes its choices to the power of the value's depth.
MOST_STEPS = 10_000
DEEPEST_CHAIN = 1_000
LARGEST_PATTERN = 1 << 20
LONGEST_WORDS = 500
LONGEST_PLACE = 200

# Where a schema has schemas: those that hold for the very same value, those that hold for what is in it, and which of
# both stand under names.
_REFERENCES = frozenset(("$ref", "$dynamicRef", "$recursiveRef"))
_SAME = _REFERENCES | frozenset(
    ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies")
)
_INNER = frozenset(
    (
        "additionalItems",
        "additionalProperties",
        "contains",
        "items",
        "patternProperties",
        "prefixItems",
        "properties",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_NAMED = frozenset(("dependencies", "dependentSchemas", "patternProperties", "properties"))


@dataclass(frozen=True, slots=True)
class Violation:
    """Where a value breaks which rule of its schema. A name that is not the schema's own is not told."""

    rule: str
    """The keyword."""
    place: str = ""
    """A JSON pointer; empty where it is the whole, or the schema is too entangled to say."""
    words: str = ""
    """The same for the model, which may be told what it wrote."""


class Validator:
    """Checks values against one schema."""

    def __init__(self, schema: Any) -> None:
        """Compile it; raises :class:`ValueError` saying what is wrong."""
        # It costs a cold start, and only contracts with this filter need it.
        from jsonschema_rs import RegexOptions, validator_for  # noqa: PLC0415

        form = _Form(schema)
        self._names = form.names
        self._choices = form.choices if form.recursive else 1
        try:
            self._compiled = validator_for(
                schema,
                offline=True,
                pattern_options=RegexOptions(size_limit=LARGEST_PATTERN),
                mask="the value",
            )
        except (
            ValueError,
            TypeError,
        ) as fault:  # its words quote the schema, which may be a record's
            raise ValueError(_told(fault)) from None

    def violation(self, value: Any) -> Violation | None:
        """Return what is wrong with a value, the first thing found; ``None`` where it fits."""
        if self._compiled.is_valid(value):
            return None
        if self._choices > 1 and self._choices ** _depth(value) > MOST_STEPS:
            return Violation("schema")
        return self._first_fault(value)

    def _first_fault(self, value: Any) -> Violation:
        from jsonschema_rs import ValidationError  # noqa: PLC0415

        try:
            self._compiled.validate(value)
        except ValidationError as fault:
            steps = fault.instance_path
            words = f"At {_pointer(steps) or 'its top'}: {fault.message[:LONGEST_WORDS]}"
            return Violation(fault.kind.name, _pointer(map(self._own, steps)), words)
        raise AssertionError("what is not valid has a fault")

    def _own(self, step: str | int) -> str | int:
        return step if isinstance(step, int) or step in self._names else "*"


class _Form:
    """What a schema unfolds to."""

    def __init__(self, root: Any) -> None:
        """Walk it; raises :class:`ValueError` where it leads outside, nowhere, or too far."""
        if not isinstance(root, dict | bool):
            raise ValueError("a JSON object is wanted")  # noqa: TRY004 - said to the user, as every fault of a schema
        self.names: set[str] = set()
        self.recursive = False
        self._root = root
        self._anchors = _anchors(root)
        self.ways, self.choices = self._walk()

    def _walk(self) -> tuple[int, int]:
        """Count ways through the whole, and the most that hold for one and the same value."""
        counted: dict[int, tuple[int, int]] = {}
        open_ones: set[int] = set()
        most = 1
        waiting: list[tuple[Any, bool]] = [(self._root, False)]
        while waiting:
            node, done = waiting.pop()
            if done:
                open_ones.discard(id(node))
                ways, choices = 1, 0
                for same, inner in self._parts(node):
                    own = counted.get(id(inner), (0, 1))
                    ways += own[0]
                    choices += own[1] if same else 0
                if ways > MOST_WAYS:
                    raise ValueError("its references unfold to more than can be checked")
                counted[id(node)] = ways, max(choices, 1)
                most = max(most, choices)
            elif isinstance(node, dict) and id(node) not in counted:
                if id(node) in open_ones:
                    continue
                if len(open_ones) >= DEEPEST_CHAIN:
                    raise ValueError("it is nested too deep")
                open_ones.add(id(node))
                if isinstance(named := node.get("properties"), dict):
                    self.names.update(named)
                waiting.append((node, True))
                for _, inner in self._parts(node):
                    self.recursive = self.recursive or id(inner) in open_ones
                    waiting.append((inner, False))
        return counted.get(id(self._root), (1, 1))[0], most

    def _parts(self, node: dict[str, Any]) -> Iterator[tuple[bool, Any]]:
        """Yield the schemas within, and whether they hold for the same value."""
        for word in node.keys() & (_SAME | _INNER):
            found = self._target(node[word]) if word in _REFERENCES else node[word]
            if word in _NAMED and isinstance(found, dict):
                found = [*found.values()]
            for inner in found if isinstance(found, list) else [found]:
                yield word in _SAME, inner

    def _target(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise ValueError(
                "it refers to another document; only references within it, as #/$defs/…, are followed"
            )
        if reference[1:] in self._anchors:
            return self._anchors[reference[1:]]
        target: Any = self._root
        for step in unquote(reference[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and key.isascii() and key.isdigit():
                target = target[int(key)] if int(key) < len(target) else None
            else:
                target = target.get(key) if isinstance(target, dict) else None
        if target is None or (reference[1:] and not reference.startswith("#/")):
            raise ValueError("a reference leads nowhere")
        return target


def _anchors(root: Any) -> dict[str, Any]:
    """Return the places in a schema that have a name of their own."""
    anchors: dict[str, Any] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for word in ("$anchor", "$dynamicAnchor"):
                if isinstance(node.get(word), str):
                    anchors[node[word]] = node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return anchors


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(node, dict | list):
            inner = node.values() if isinstance(node, dict) else node
            waiting += [(each, depth + 1) for each in inner]
    return deepest


def _pointer(steps: Any) -> str:
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)
    return pointer if len(pointer) <= LONGEST_PLACE else f"{pointer[:LONGEST_PLACE]}…"


def _told(fault: Exception) -> str:
    kind = getattr(getattr(fault, "kind", None), "name", "")
    path = getattr(fault, "instance_path", None) or []
    if path[-1:] == ["pattern"] or path[-2:-1] == ["patternProperties"]:
        return "a pattern is none, too large, or looks around, which is not supported"
    if "Recursion limit" in str(fault):
        return "it is nested too deep"
    if "$schema" in str(fault) or "meta-schema" in str(fault):
        return "its $schema is not known: draft 4, 6, 7, 2019-09 and 2020-12 are"
    return f"it is no JSON Schema{f' (see {kind} at {_pointer(path)})' if path else ''}"
