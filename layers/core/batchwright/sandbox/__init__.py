"""The language of prompts: what a template may say, and how much it may do.

Jinja's own sandbox keeps templates away from Python; it does not keep them from filling the memory or running for ever.
So the language is cut to what prompts need (values, filters, conditions, loops, assignments), and everything that a row
could make long is charged for before it is done.
"""

from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from batchwright.sandbox.filling import Filling, filling_of, shown, weight_of
from batchwright.sandbox.fitting import CHARGES, fitted
from batchwright.sandbox.offered import FILTERS, METHODS, TESTS, check_trimmed

# Numbers stay numbers that a prompt could show.
MOST_BITS = 256

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
        self.tests = {**TESTS}
        self.filters = {**FILTERS, **CHARGES}

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
        return fitted(parsed, self)

    def call(self, context: Context, called: Any, /, *arguments: Any, **named: Any) -> Any:
        """Call a method that prompts have, or a loop's own."""
        owner, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
        if isinstance(owner, str | dict) and name in METHODS:
            filling_of(context).charge(METHODS[name] * len(owner))
            if name.endswith("strip"):
                check_trimmed(*arguments)
        elif called is not self.globals["range"] and not isinstance(owner, LoopContext):
            raise SecurityError("prompts do not call this")
        return super().call(context, called, *arguments, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Reckon with numbers, and add texts."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            filling_of(context).charge(len(left) + len(right))
        elif not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError("numbers are wanted")
        elif any(isinstance(n, int) and n.bit_length() > MOST_BITS for n in (left, right)):
            raise OverflowError
        return super().call_binop(context, operator, left, right)


@pass_context
def _finalized(context: Context, value: Any) -> Any:
    filling_of(context).charge(len(value) if isinstance(value, str) else weight_of(value))
    return shown(value)
