"""What messages are made of, whichever wire they came by: the rules and the turns see only this."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from tests.emulator.host.engines.port import tokens_in

# Bedrock's true count depends on an image's pixels and on a document's pages. This is a fixed
# figure, of the size of a large image, and a quarter of a document's bytes, as for plain text.
IMAGE_TOKENS = 1600


@dataclass(frozen=True, slots=True)
class Said:
    """A text."""

    text: str


@dataclass(frozen=True, slots=True)
class Attached:
    """An image or a document; of one that lies in S3 the size is not known, and it counts as 0."""

    what: Literal["image", "document"]
    size: int = 0

    @property
    def tokens(self) -> int:
        """What it counts as."""
        return IMAGE_TOKENS if self.what == "image" else tokens_in(self.size)


@dataclass(frozen=True, slots=True)
class Called:
    """A tool that the model called."""

    id: str
    name: str
    input: dict[str, Any]

    @property
    def text(self) -> str:
        """What a model reads of it."""
        return f"{self.name} {json.dumps(self.input, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class Returned:
    """What a tool gave back."""

    id: str
    content: tuple[Said | Attached, ...]

    @property
    def text(self) -> str:
        """What a model reads of it."""
        return "\n".join(part.text for part in self.content if isinstance(part, Said))


@dataclass(frozen=True, slots=True)
class Silent:
    """A mark without effect, or a thought, which a model does not read again."""

    what: Literal["cachePoint", "reasoningContent"]


type Part = Said | Attached | Called | Returned | Silent


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said, in parts."""

    role: Literal["user", "assistant", "system"]
    parts: tuple[Part, ...]
