"""Charges in the midst of a template, where it could do much with little.

They are filters, under names that nobody can write.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import Environment, nodes, pass_context
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from batchwright.sandbox.filling import CHARACTERS, filling_of, weight_of


def fitted(template: nodes.Template, environment: Environment) -> nodes.Template:
    """Return a template with its charges; the environment must have them among its filters."""
    found: nodes.Template = _Fitting(environment).visit(template)
    return found


class _Fitting(NodeTransformer):
    def __init__(self, environment: Environment) -> None:
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


@pass_context
def _looped(context: Context, members: Iterable[Any], cost: int) -> Iterator[Any]:
    filling = filling_of(context)
    for member in members:
        filling.charge(cost * CHARACTERS)
        yield member


@pass_context
def _joined(context: Context, *values: Any) -> str:
    filling_of(context).charge(sum(map(weight_of, values)))
    return "".join(map(str, values))


@pass_context
def _seen(context: Context, value: Any) -> Any:
    filling_of(context).charge(weight_of(value) if isinstance(value, str | list | dict) else 0)
    return value


def _flat(made: Any) -> Any:
    members = [*made, *made.values()] if isinstance(made, dict) else made
    if any(isinstance(member, list | tuple | dict) for member in members):
        raise TypeError("lists in lists are not made")
    return made


CHARGES = {" looped": _looped, " joined": _joined, " seen": _seen, " flat": _flat}
