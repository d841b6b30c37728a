"""The language of prompts: what a template may say, and how much it may do.

Jinja's own sandbox keeps templates away from Python; it does not keep them from filling the memory or running for ever.
So the language is cut to what prompts need (values, filters, conditions, loops, assignments), and everything that a row
could make long is charged for before it is done.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.visitor import NodeTransformer

from batchwright.quoting import quoted

# What filling one prompt may take: a node of a loop's body is one unit, and so are 64 characters that are made.
MOST_UNITS = 1_000_000
CHARACTERS = 64
# Numbers stay numbers that a prompt could show.
MOST_BITS = 256
MOST_DIGITS = 20
_SIZED = (str, list, tuple, dict)

_STATEMENTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign)
_VALUES = (
    *(nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword),
    *(nodes.Filter, nodes.Test, nodes.Call, nodes.Getattr, nodes.Getitem, nodes.Slice),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr),
    *(nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
    *(nodes.Neg, nodes.Pos),
)
_SAID = {
    "Pow": "`**`",
    "Macro": "{% macro %}",
    "CallBlock": "{% call %}",
    "AssignBlock": "{% set %} without =",
    "FilterBlock": "{% filter %}",
    "NSRef": "namespaces",
}


def _weighing(by: int, names: str) -> dict[str, int]:
    return dict.fromkeys(names.split(), by)


# What filters make is no longer than what they read, times this; members of lists weigh as much as a step. Left out is
# what makes much of little (center, indent, format) and what takes time that grows faster than the text (striptags).
_FILTERS = (
    _weighing(
        1,
        "abs capitalize d default first float int last length count lower truncate upper",
    )
    | _weighing(6, "e escape string tojson")
    | _weighing(
        CHARACTERS,
        """dictsort items list map max min reject rejectattr reverse select selectattr sort title
        unique wordcount""",
    )
)
_METHODS = _weighing(
    1,
    """capitalize count endswith find get isalpha isdigit isnumeric lower lstrip removeprefix
    removesuffix rstrip startswith strip title upper""",
) | _weighing(CHARACTERS, "items keys split splitlines values")
_TESTS = _weighing(
    1,
    """boolean defined divisibleby eq equalto even false float ge greaterthan gt integer iterable
    le lessthan lt mapping ne none number odd sequence string true undefined""",
)


class Guarded(str):
    """A piece of a prompt at which a guardrail looks by itself."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return it as it is: what it is must not be lost where pieces are put together."""
        return self


class Exhausted(TemplateError):
    """Filling a prompt takes more than a prompt may."""


class Filling(Context):
    """One filling of one prompt, and what it has taken so far."""

    units = 0

    def charge(self, characters: int) -> None:
        """Take note of what is about to be made or read; raises :class:`Exhausted`."""
        self.units += 1 + characters // CHARACTERS
        if self.units > MOST_UNITS:
            raise Exhausted("it would take more than one prompt may")


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment that prompts are filled in."""

    context_class = Filling
    intercepted_binops = frozenset(("+", "*", "%"))

    def __init__(self) -> None:
        """Everything that prompts do not need is taken out."""
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            finalize=_finalized,
            keep_trailing_newline=True,
            optimized=False,
        )
        self.globals = {"range": self.globals["range"]}
        self.tests = {name: TESTS[name] for name in _TESTS}
        self.filters = {name: _charging(FILTERS[name], by) for name, by in _FILTERS.items()}
        self.filters |= {"join": _join, "replace": _replace, "round": _round}
        self.filters |= {"trim": _trim, "quoted": _quote, "guarded": _guard}
        self.filters |= {" looped": _looped, " joined": _joined, " seen": _seen, " flat": _flat}

    def parse_prompt(self, text: str) -> nodes.Template:
        """Return a template that can be compiled; raises :class:`TemplateSyntaxError` at what prompts do not have."""
        parsed = self.parse(text)
        last = {id(shown) for output in parsed.find_all(nodes.Output) for shown in output.nodes}
        for node in parsed.find_all(nodes.Node):
            if isinstance(node, nodes.Filter) and node.name == "guarded" and id(node) not in last:
                raise TemplateSyntaxError("guarded stands last: {{ … | guarded }}", node.lineno)
            if not isinstance(node, _STATEMENTS + _VALUES):
                kind = type(node).__name__
                what = _SAID.get(kind, f"{{% {kind.lower()} %}}")
                raise TemplateSyntaxError(f"prompts have no {what}", node.lineno)
            if isinstance(node, nodes.For) and node.recursive:
                raise TemplateSyntaxError("prompts have no recursive loops", node.lineno)
        fitted: nodes.Template = _Fitting(self).visit(parsed)
        return fitted

    def call(self, context: Context, called: Any, /, *arguments: Any, **named: Any) -> Any:
        """Call a method that prompts have, or a loop's own."""
        owner, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
        if isinstance(owner, str | dict) and name in _METHODS:
            _of(context).charge(_METHODS[name] * len(owner))
            if name.endswith("strip"):
                _check_trimmed(*arguments)
        elif called is not self.globals["range"] and not isinstance(owner, LoopContext):
            raise SecurityError("prompts do not call this")
        return super().call(context, called, *arguments, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Reckon with numbers, and add texts."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            _of(context).charge(len(left) + len(right))
        elif not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError("numbers are wanted")
        elif any(isinstance(n, int) and n.bit_length() > MOST_BITS for n in (left, right)):
            raise OverflowError
        return super().call_binop(context, operator, left, right)


class _Fitting(NodeTransformer):
    """Puts the charges where a template could do much with little."""

    def __init__(self, environment: Sandbox) -> None:
        self._environment = environment

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - so visitors name it
        work = [*node.body, node.test] if node.test else node.body
        cost = sum(_cost(inner) for each in work for inner in (each, *each.find_all(nodes.Node)))
        self.generic_visit(node)
        node.iter = self._through(" looped", node.iter, nodes.Const(cost))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        first, *rest = node.nodes
        return self._through(" joined", first, *rest)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = self._through(" seen", node.node)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        for compared in node.ops:
            compared.expr = self._through(" seen", compared.expr)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        return self._flat(node, node.items)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        return self._flat(node, node.items) if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        return self._flat(node, [inner for pair in node.items for inner in (pair.key, pair.value)])

    def _flat(self, node: nodes.Expr, members: list[nodes.Expr]) -> nodes.Expr:
        constant = all(isinstance(member, nodes.Const) for member in members)
        self.generic_visit(node)
        return node if constant else self._through(" flat", node)

    def _through(self, name: str, value: nodes.Node, *rest: nodes.Node) -> nodes.Filter:
        made = nodes.Filter(value, name, [*rest], [], None, None, lineno=value.lineno)
        made.set_environment(self._environment)
        return made


def _cost(node: nodes.Node) -> int:
    written = node.data if isinstance(node, nodes.TemplateData) else getattr(node, "value", "")
    return 1 + (len(written) // CHARACTERS if isinstance(written, str) else 0)


def _of(context: Context) -> Filling:
    assert isinstance(context, Filling)  # noqa: S101 - the sandbox makes no others
    return context


def weight_of(value: Any) -> int:
    """Return about how many characters a value is shown with."""
    total, waiting = 0, [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                total += len(text)
            case dict() as members:
                total += len(members)
                waiting += members.keys()
                waiting += members.values()
            case list() | tuple() as members:
                total += len(members)
                waiting += members
            case _:
                total += MOST_DIGITS
    return total


def shown(value: Any) -> Any:
    """Return what a prompt shows of a value: nothing of null, and JSON rather than Python's spelling.

    >>> [shown(value) for value in (None, True, ["salt", 5], 0.5, "salt")]
    ['', 'true', '["salt", 5]', 0.5, 'salt']
    """
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False)
    return value


@pass_context
def _finalized(context: Context, value: Any) -> Any:
    _of(context).charge(len(value) if isinstance(value, str) else weight_of(value))
    return shown(value)


def _charging(made: Callable[..., Any], factor: int) -> Callable[..., Any]:
    """Wrap one of Jinja's filters: what it reads is charged, times ``factor``."""
    kind = getattr(made, "jinja_pass_arg", None)
    wants = kind.name if kind is not None else None
    deep = made in (FILTERS["string"], FILTERS["tojson"])

    @pass_context
    def charged(context: Context, value: Any, *arguments: Any, **named: Any) -> Any:
        size = weight_of(value) if deep else len(value) if isinstance(value, _SIZED) else 1
        _of(context).charge(factor * size)
        match wants:
            case "context":
                return made(context, value, *arguments, **named)
            case "eval_context":
                return made(context.eval_ctx, value, *arguments, **named)
            case "environment":
                return made(context.environment, value, *arguments, **named)
        return made(value, *arguments, **named)

    return charged


@pass_context
def _looped(context: Context, members: Iterable[Any], cost: int) -> Iterator[Any]:
    filling = _of(context)
    for member in members:
        filling.charge(cost * CHARACTERS)
        yield member


@pass_context
def _joined(context: Context, *values: Any) -> str:
    _of(context).charge(sum(map(weight_of, values)))
    return "".join(map(str, values))


@pass_context
def _seen(context: Context, value: Any) -> Any:
    _of(context).charge(weight_of(value) if isinstance(value, str | list | dict) else 0)
    return value


def _flat(made: Any) -> Any:
    members = [*made, *made.values()] if isinstance(made, dict) else made
    if any(isinstance(member, list | tuple | dict) for member in members):
        raise TypeError("lists in lists are not made")
    return made


@pass_context
def _join(context: Context, value: Iterable[Any], d: str = "", attribute: Any = None) -> str:
    members = [*value]
    _of(context).charge(weight_of(members) + len(str(d)) * len(members))
    joined: str = FILTERS["join"](context.eval_ctx, members, d, attribute)
    return joined


@pass_context
def _replace(context: Context, value: Any, old: str, new: str) -> str:
    text, old, new = str(value), str(old), str(new)
    found = text.count(old)
    _of(context).charge(len(text) + found * len(new))
    return text.replace(old, new)


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    if not -MOST_DIGITS <= precision <= MOST_DIGITS:
        raise ValueError("so many digits have no sense")
    rounded: float = FILTERS["round"](value, precision, method)
    return rounded


@pass_context
def _trim(context: Context, value: Any, chars: str | None = None) -> str:
    text = str(value)
    _of(context).charge(len(text))
    _check_trimmed(chars)
    return text.strip(chars)


def _check_trimmed(chars: str | None = None) -> None:
    """Each character of a text is looked for among those that are taken away."""
    if chars is not None and len(chars) > CHARACTERS:
        raise ValueError("so many characters are no trimming")


@pass_context
def _quote(context: Context, value: Any, name: str = "text") -> str:
    _of(context).charge(4 * weight_of(value))
    text = str(shown(value))
    if not re.fullmatch("[a-z][a-z0-9_-]{0,31}", name):
        raise ValueError("a name is wanted")
    return quoted(text, name)


def _guard(value: Any) -> Guarded:
    return Guarded(shown(value))
