"""Prompts over the columns of a row: Jinja in its sandbox, where a missing column is an error and never a blank."""

from itertools import groupby
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes

from batchwright.errors import ContractInvalid, RecordInvalid
from batchwright.sandbox import Sandbox
from batchwright.sandbox.filling import Exhausted
from batchwright.sandbox.offered import Guarded

_SANDBOX = Sandbox()
UNFILLED = (
    TemplateError,
    MemoryError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class Template:
    """One template of a contract. What a row holds is only ever text in it, never template."""

    def __init__(self, text: str, *, name: str) -> None:
        """Compile it; raises :class:`ContractInvalid` naming the line of a fault."""
        self.name = name
        try:
            parsed = _SANDBOX.parse_prompt(text)
            self.columns = frozenset(meta.find_undeclared_variables(parsed))
            self._template = _SANDBOX.from_string(parsed)
        except TemplateSyntaxError as fault:
            raise ContractInvalid(f"{name}: line {fault.lineno}: {fault.message}") from None
        except (MemoryError, OverflowError, RecursionError, SyntaxError, ValueError):
            raise ContractInvalid(
                f"{name}: it is nested too deep, or holds too long a number"
            ) from None
        self._constant = self._template.render() if "{" not in text else None
        names = {node.name for node in parsed.find_all(nodes.Name)}
        self._globals = {name: _SANDBOX.globals[name] for name in names & _SANDBOX.globals.keys()}
        self.guards = any(node.name == "guarded" for node in parsed.find_all(nodes.Filter))
        """Whether a guardrail is to look at parts of the prompt by themselves."""

    def render(self, row: dict[str, Any]) -> str:
        """Return the prompt for a row; raises :class:`RecordInvalid` where the template cannot be filled."""
        if self._constant is not None:
            return self._constant
        return "".join(self._pieces(row))

    def blocks(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the prompt for a row as Converse's blocks, with those apart that a guardrail looks at."""
        blocks: list[dict[str, Any]] = []
        for guarded, pieces in groupby(self._pieces(row), lambda piece: isinstance(piece, Guarded)):
            for text in pieces if guarded else ["".join(pieces)]:
                if text and not text.isspace():  # Converse refuses blank blocks
                    plain = str.__str__(text)
                    blocks.append(
                        {"guardContent": {"text": {"text": plain}}} if guarded else {"text": plain}
                    )
        return blocks

    def _pieces(self, row: dict[str, Any]) -> list[str]:
        """Fill it. The context shares the row: copying Jinja's globals takes five times as long as filling a prompt."""
        values = {**self._globals, **row} if self._globals else row
        try:
            context = self._template.new_context(values, shared=True)
            return [*self._template.root_render_func(context)]
        except UNFILLED as fault:
            # The fault's own words may quote the row.
            why = "it takes too much" if isinstance(fault, Exhausted) else type(fault).__name__
            raise RecordInvalid(
                "invalid_request",
                f"{self.name} could not be filled from this row ({why})",
                param=self.name,
            ) from None
