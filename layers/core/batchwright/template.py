"""Prompts over the columns of a table: Jinja in its sandbox, where a missing column is an error and never a blank."""

from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from batchwright.errors import ContractInvalid, RecordInvalid

_SANDBOX = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,
    keep_trailing_newline=True,
)


class Template:
    """One template of a contract. What a row holds is only ever text in it, never template."""

    def __init__(self, text: str, *, name: str) -> None:
        """Compile it; raises :class:`ContractInvalid` naming the line of a fault."""
        self._name = name
        try:
            self.columns = frozenset(meta.find_undeclared_variables(_SANDBOX.parse(text)))
            self._template = _SANDBOX.from_string(text)
        except TemplateSyntaxError as fault:
            raise ContractInvalid(f"{name}: line {fault.lineno}: {fault.message}") from None

    def render(self, row: dict[str, Any]) -> str:
        """Return the prompt for a row; raises :class:`RecordInvalid` where the template cannot be filled."""
        try:
            return self._template.render(row)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as fault:
            # The fault's own words may quote the row.
            raise RecordInvalid(
                "invalid_request",
                f"{self._name} could not be filled from this row ({type(fault).__name__})",
                param=self._name,
            ) from None
