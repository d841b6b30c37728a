"""What is known of a family's own bodies: how they are told, read, limited, and answered."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from batchwright.shapes import Shape
from batchwright.usage import Usage

type Fields = Mapping[str, Raw]
"""The top of a body, as far as telling families apart needs it."""
type Place = tuple[str, ...]
type Part = str | dict[str, Any] | list[Any]
"""What the model reads, piece by piece: a text, or JSON that goes on as it is."""
type Parts = Iterator[tuple[str, Part]]
"""Parts, each with its place in the body."""
type Fault = tuple[str, str]
"""The parameter at fault, and what is wanted there."""

type Count = Annotated[int, Meta(ge=0)]
type Object = dict[str, Any]
type Objects = Annotated[list[Object], Meta(min_length=1)]


class Answer(Struct, frozen=True, gc=False):
    """Base of what is read of an answer; whatever else a family tells stays in ``native``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an answer says, in Converse's words; what is ``None`` only the headers tell."""

    content: list[dict[str, Any]]
    stop_reason: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    vectors: list[list[float]] | None = None

    def usage(self, input_tokens: int | None, output_tokens: int | None) -> Usage | None:
        """Return the tokens, those that the headers counted where the answer tells none; ``None`` if nobody does."""
        read = input_tokens if self.input_tokens is None else self.input_tokens
        wrote = output_tokens if self.output_tokens is None else self.output_tokens
        if self.vectors is not None:
            wrote = 0
        if read is None or wrote is None:
            return None
        return Usage(
            input_tokens=read,
            output_tokens=wrote,
            cache_read_tokens=self.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens,
        )


def _nothing_else(_shape: Any) -> Fault | None:
    return None


def _no_vectors(_shape: Any) -> tuple[int, int | None]:
    return 0, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """One family's bodies and answers."""

    name: str
    """As :mod:`batchwright.families` has it."""
    sign: str
    """What tells a body of it for certain, in words, for those whose body tells nothing."""
    speaks: Callable[[Fields], bool]
    """Whether a body is certainly this family's."""
    needs: frozenset[str]
    """Fields of which every body has one, which other families may have, too."""
    body: type[Shape]
    answer: type[Answer]
    parts: Callable[[Any], Parts]
    said: Callable[[Any], Said]
    limits: tuple[Place, ...] = ()
    """Where the body may say how many tokens the answer has at most; first, where it is put."""
    largest_limit: int | None = None
    """The family's own cap on that, where one holds for all its models."""
    embeds: bool = False
    wants: Callable[[Any], tuple[int, int | None]] = _no_vectors
    """How many vectors a body wants, and how long, if it says."""
    fault: Callable[[Any], Fault | None] = _nothing_else
    """What is wrong beyond the shape."""
    decoder: msgspec.json.Decoder[Any] = field(init=False)
    answer_decoder: msgspec.json.Decoder[Any] = field(init=False)

    def __post_init__(self) -> None:
        """Make the decoders once."""
        object.__setattr__(self, "decoder", msgspec.json.Decoder(self.body))
        object.__setattr__(self, "answer_decoder", msgspec.json.Decoder(self.answer))

    def limit_of(self, body: Mapping[str, Any]) -> int | None:
        """Return the most tokens that the answer may have, if the body says."""
        limit: int | None = _at(body, self._place(body))
        return limit

    def temperature_of(self, body: Mapping[str, Any]) -> float | None:
        """Return the temperature, if the body says; every family writes it beside the limit."""
        temperature: float | None = _at(body, (*self.limits[0][:-1], "temperature"))
        return temperature

    def limit_in(self, shape: Any) -> int | None:
        """Return the same of a body in its shape."""
        for place in self.limits:
            found = shape
            for step in place:
                found = getattr(found, step)
            if isinstance(found, int):
                return found
        return None

    def with_limit(self, body: dict[str, Any], limit: int) -> dict[str, Any]:
        """Return the body with another limit, put where it says one already."""
        return _with(body, self._place(body), limit)

    def _place(self, body: Mapping[str, Any]) -> Place:
        said = (place for place in self.limits if _at(body, place) is not None)
        return next(said, self.limits[0] if self.limits else ())


def _at(body: Mapping[str, Any], place: Place) -> Any:
    found: Any = body if place else None
    for step in place:
        found = found.get(step) if found else None
    return found


def _with(body: dict[str, Any], place: Place, limit: int) -> dict[str, Any]:
    if not place:
        return body
    first, *inner = place
    value = _with(body.get(first, {}), tuple(inner), limit) if inner else limit
    return {**body, first: value}


def text_of(text: str) -> list[dict[str, Any]]:
    """Return a text as Converse's content."""
    return [{"text": text}] if text else []


def tool_use(call_id: str, name: str, given: Any) -> dict[str, Any]:
    """Return a call that the model asks for as Converse's content block."""
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": given}}


def content_of(at: str, content: str | Iterable[Object]) -> Parts:
    """Yield a text, or every block of a message."""
    if isinstance(content, str):
        yield at, content
    else:
        yield from ((f"{at}[{place}]", block) for place, block in enumerate(content))


def as_they_are(shape: Shape, *names: str) -> Parts:
    """Yield fields that go on as they are, those that the body has."""
    for name in names:
        value = getattr(shape, name)
        if value is not UNSET:
            yield name, value


def told[T](value: T | UnsetType) -> T | None:
    """Return what a body says, ``None`` where it is silent."""
    return None if isinstance(value, UnsetType) else value
