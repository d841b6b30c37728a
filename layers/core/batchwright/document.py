"""What a contract says of documents: into what pieces a text is cut, and how the answers to them are joined."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from batchwright.written import Written

# What the prompt of a contract for documents can name, and what its join can.
COLUMNS = frozenset(("name", "part", "text"))
JOINED = frozenset(("name", "parts"))
# Four megabytes; a line of them in JSON is still one that is read.
MOST_TOKENS = 1_000_000


class Document(Written):
    """How text and Markdown files become records."""

    tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    """About how many tokens a piece has at most, overlap included; without it a file is one piece."""
    overlap: Annotated[int, Field(ge=0)] = 0
    """How many of them a piece repeats of the one before."""
    join: Annotated[str, Field(min_length=1)] | None = None
    """A template over ``parts``, the answers to the pieces, that asks for one answer of them all."""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.tokens is None:
            if self.overlap or self.join:
                raise ValueError("overlap and join need tokens: without them a file is one piece")
        elif 2 * self.overlap >= self.tokens:
            raise ValueError("overlap must be less than half of tokens")
        return self
