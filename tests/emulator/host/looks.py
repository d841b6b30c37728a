"""What the services find that filters ask: whatever the script says, by regular expressions."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from tests.emulator.host.scripted import STRICT, Regex


class Look(BaseModel):
    """One thing that is found: where it matches, what it is called by the service, and how sure that is."""

    model_config = STRICT

    match: Annotated[Regex, Field(min_length=1)]
    kind: Annotated[str, Field(min_length=1)]
    score: Annotated[float, Field(ge=0, le=1)] = 0.99


EMAIL = Look(match=r"[\w.]+@[\w.]+\w", kind="EMAIL")


def places(looks: Sequence[Look], text: str) -> Iterator[tuple[Look, int, int]]:
    """Yield what is found in a text, with its place in characters.

    >>> [(look.kind, start, end) for look, start, end in places([EMAIL], "to a@b.example")]
    [('EMAIL', 3, 14)]
    """
    for look in looks:
        for found in re.finditer(look.match, text):
            if found.group():
                yield look, found.start(), found.end()
