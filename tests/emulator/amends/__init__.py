"""What AWS does and ministack leaves out, added to the pinned ministack from outside.

Without these a right missing from the template, a job too wide for the machine or an error misnamed in the workflow
would show on AWS only. Each file amends one thing and says what AWS does; `python -m tests.emulator.amends`, on
ministack's own interpreter, starts ministack with all of them. A name that a newer ministack has no longer stops the
start, so nothing is ever amended in vain.
"""

from collections.abc import Callable
from typing import Any


def amend(owner: Any, name: str) -> Callable[[Callable[[Any], Any]], None]:
    """Replace what the owner has under this name by what the decorated function makes of it."""

    def replace(make: Callable[[Any], Any]) -> None:
        setattr(owner, name, make(getattr(owner, name)))

    return replace
