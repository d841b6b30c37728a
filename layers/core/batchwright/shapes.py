"""What the shapes of lines and of native bodies are made of: msgspec checks them while it decodes."""

from typing import Annotated

from msgspec import Meta, Struct

# More than any model writes; and a sum over any file stays a number that every store can hold.
type TokenLimit = Annotated[int, Meta(ge=1, le=1_000_000)]
type Name = Annotated[str, Meta(min_length=1)]
type Fraction = Annotated[float, Meta(ge=0, le=1)]
# Asks for nothing: a parameter that is taken only where it says what happens anyway.
type Zero = Annotated[float, Meta(ge=0, le=0)]


class Shape(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base of the shapes that JSON must have: nothing unknown."""
