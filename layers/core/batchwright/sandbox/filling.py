"""What filling a prompt takes: everything that a row could make long is charged for before it is done."""

import json
from typing import Any

from jinja2 import TemplateError
from jinja2.runtime import Context

# What filling one prompt may take: a node of a loop's body is one unit, and so are 64 characters that are made.
MOST_UNITS = 1_000_000
CHARACTERS = 64
# No number that a prompt shows is longer.
MOST_DIGITS = 20


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


def filling_of(context: Context) -> Filling:
    """Return the filling that a context of the sandbox is."""
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
