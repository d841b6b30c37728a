"""What prompts may use: filters and methods, each with what it costs, and tests, which cost nothing."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJAS
from jinja2.runtime import Context
from jinja2.tests import TESTS as JINJAS_TESTS

from batchwright.quoting import quoted
from batchwright.sandbox.filling import CHARACTERS, MOST_DIGITS, filling_of, shown, weight_of

_SIZED = (str, list, tuple, dict)


def _weighing(by: int, names: str) -> dict[str, int]:
    return dict.fromkeys(names.split(), by)


# What filters make is no longer than what they read, times this; members of lists weigh as much as a step. Left out is
# what makes much of little (center, indent, format) and what takes time that grows faster than the text (striptags).
_WEIGHTS = (
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
METHODS = _weighing(
    1,
    """capitalize count endswith find get isalpha isdigit isnumeric lower lstrip removeprefix
    removesuffix rstrip startswith strip title upper""",
) | _weighing(CHARACTERS, "items keys split splitlines values")
_TESTS = """boolean defined divisibleby eq equalto even false float ge greaterthan gt integer iterable
    le lessthan lt mapping ne none number odd sequence string true undefined"""


class Guarded(str):
    """A piece of a prompt at which a guardrail looks by itself."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return it as it is: what it is must not be lost where pieces are put together."""
        return self


def _charging(made: Callable[..., Any], factor: int) -> Callable[..., Any]:
    """Wrap one of Jinja's filters: what it reads is charged, times ``factor``."""
    kind = getattr(made, "jinja_pass_arg", None)
    wants = kind.name if kind is not None else None
    deep = made in (JINJAS["string"], JINJAS["tojson"])

    @pass_context
    def charged(context: Context, value: Any, *arguments: Any, **named: Any) -> Any:
        size = weight_of(value) if deep else len(value) if isinstance(value, _SIZED) else 1
        filling_of(context).charge(factor * size)
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
def _join(context: Context, value: Iterable[Any], d: str = "", attribute: Any = None) -> str:
    members = [*value]
    filling_of(context).charge(weight_of(members) + len(str(d)) * len(members))
    joined: str = JINJAS["join"](context.eval_ctx, members, d, attribute)
    return joined


@pass_context
def _replace(context: Context, value: Any, old: str, new: str) -> str:
    text, old, new = str(value), str(old), str(new)
    found = text.count(old)
    filling_of(context).charge(len(text) + found * len(new))
    return text.replace(old, new)


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    if not -MOST_DIGITS <= precision <= MOST_DIGITS:
        raise ValueError("so many digits have no sense")
    rounded: float = JINJAS["round"](value, precision, method)
    return rounded


@pass_context
def _trim(context: Context, value: Any, chars: str | None = None) -> str:
    text = str(value)
    filling_of(context).charge(len(text))
    check_trimmed(chars)
    return text.strip(chars)


def check_trimmed(chars: str | None = None) -> None:
    """Each character of a text is looked for among those that are taken away."""
    if chars is not None and len(chars) > CHARACTERS:
        raise ValueError("so many characters are no trimming")


@pass_context
def _quote(context: Context, value: Any, name: str = "text") -> str:
    filling_of(context).charge(4 * weight_of(value))
    text = str(shown(value))
    if not re.fullmatch("[a-z][a-z0-9_-]{0,31}", name):
        raise ValueError("a name is wanted")
    return quoted(text, name)


def _guard(value: Any) -> Guarded:
    return Guarded(shown(value))


FILTERS = {
    **{name: _charging(JINJAS[name], by) for name, by in _WEIGHTS.items()},
    "join": _join,
    "replace": _replace,
    "round": _round,
    "trim": _trim,
    "quoted": _quote,
    "guarded": _guard,
}
TESTS = {name: JINJAS_TESTS[name] for name in _TESTS.split()}
