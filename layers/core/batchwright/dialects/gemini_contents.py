"""The contents of Google's ``generateContent``, as shapes and as Converse's turns
(ai.google.dev/api/caching#Content).
"""

from typing import Annotated, Any, Literal, NamedTuple

import orjson
from msgspec import Meta

from batchwright.dialects.google import Google
from batchwright.dialects.jsonl import (
    Name,
    Shape,
    check_default,
    check_portable,
    check_text,
    invalid,
)
from batchwright.dialects.turns import Turns
from batchwright.media import IMAGES, document_at, document_of, image_at, image_of
from batchwright.request import BYTES_PER_TOKEN, IMAGE_TOKENS, tokens_in, weight

# Converse's limits, which are narrower than Google's.
type FunctionName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
type CallId = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.:-]{1,64}$")]

KINDS = ("inline_data", "file_data", "function_call", "function_response")


class Blob(Google, frozen=True):
    """Bytes, given whole."""

    data: str
    mime_type: str | None = None
    mime_type_: str | None = None
    display_name: Name | None = None
    display_name_: Name | None = None


class FileData(Google, frozen=True):
    """Where they are; ``s3://`` is our own extension."""

    file_uri: str | None = None
    file_uri_: str | None = None
    mime_type: str | None = None
    mime_type_: str | None = None
    display_name: Name | None = None
    display_name_: Name | None = None


class FunctionCall(Shape, frozen=True):
    """A function that the model asked for in an earlier turn."""

    name: FunctionName
    args: dict[str, Any] | None = None
    id: CallId | None = None


class FunctionResponse(Shape, frozen=True):
    """What the function answered."""

    name: FunctionName
    response: dict[str, Any]
    id: CallId | None = None


class Part(Google, frozen=True):
    """One of a text, bytes, a file, a call, and its answer."""

    text: str | None = None
    inline_data: Blob | None = None
    inline_data_: Blob | None = None
    file_data: FileData | None = None
    file_data_: FileData | None = None
    function_call: FunctionCall | None = None
    function_call_: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    function_response_: FunctionResponse | None = None
    thought: bool | None = None


class TextPart(Shape, frozen=True):
    """A text."""

    text: str


class Content(Shape, frozen=True, kw_only=True):
    """A turn; Google takes one part without a list around it."""

    # Google's older examples let functions answer in a role of their own.
    role: Literal["user", "model", "function"] | None = None
    parts: Annotated[list[Part], Meta(min_length=1)] | Part


class SystemInstruction(Shape, frozen=True, kw_only=True):
    """What the model is told to be; Google pays no heed to its role."""

    role: str | None = None
    parts: Annotated[list[TextPart], Meta(min_length=1)] | TextPart


class Findings(NamedTuple):
    """What checking contents found besides nothing wrong."""

    tokens: int
    attached: bool
    """Whether a picture or a document goes with them."""
    called: bool
    """Whether functions are called in them."""


class Calls:
    """Which answer belongs to which call, where neither has an id: the first that waits under the name."""

    def __init__(self) -> None:
        """Nothing has been called."""
        self.made = 0
        self._waiting: list[tuple[str, str]] = []

    def call(self, call: FunctionCall) -> str:
        """Return a call's id, its own or a new one."""
        self.made += 1
        call_id = call.id or f"call-{self.made}"
        self._waiting.append((call.name, call_id))
        return call_id

    def answer(self, response: FunctionResponse) -> str | None:
        """Return the id of the call that is answered; ``None`` where none waits for it."""
        for waiting in self._waiting:
            name, call_id = waiting
            if name == response.name and response.id in (None, call_id):
                self._waiting.remove(waiting)
                return call_id
        return None


def check_contents(
    system: SystemInstruction | None, contents: list[Content], at: str, record_id: str
) -> Findings:
    """Check what the shapes cannot say; raises :class:`RecordInvalid`."""
    if contents[0].role == "model":
        raise invalid(f"{at}.contents", "the first turn must be the user's", record_id)
    calls = Calls()
    size, attached = _check_system(system, at, record_id) if system is not None else 0, False
    for number, content in enumerate(contents):
        for place, part in enumerate(_list(content.parts)):
            text = part.text
            if text and not text.isspace() and part == Part(text=text):
                size += weight(text)
                continue
            param = f"{at}.contents[{number}].parts[{place}]"
            size += _check_part(part, calls, param, record_id)
            attached = attached or part.said("inline_data") or part.said("file_data")
    return Findings(tokens_in(size), attached=bool(attached), called=calls.made > 0)


def _check_system(system: SystemInstruction, at: str, record_id: str) -> int:
    size = 0
    for place, part in enumerate(_list(system.parts)):
        if not part.text or part.text.isspace():
            check_text(f"{at}.systemInstruction.parts[{place}].text", part.text, record_id)
        size += weight(part.text)
    return size


def _check_part(part: Part, calls: Calls, at: str, record_id: str) -> int:
    """Check a part that is not only a text, and return the bytes that the model reads of it."""
    check_default(f"{at}.thought", part.thought, record_id)
    said = [name for name in KINDS if part.said(name) is not None]
    if len(said) + (part.text is not None) != 1:
        told = "one of text, inlineData, fileData, functionCall, functionResponse is wanted"
        raise invalid(at, told, record_id)
    if part.text is not None:
        check_text(f"{at}.text", part.text, record_id)
        return weight(part.text)
    value = part.said(said[0])
    match value:
        case FunctionCall():
            calls.call(value)
            check_portable(f"{at}.functionCall.args", value.args, record_id)
            return len(orjson.dumps(value.args))
        case FunctionResponse():
            check_portable(f"{at}.functionResponse.response", value.response, record_id)
            if calls.answer(value) is None:
                raise invalid(f"{at}.functionResponse", "it answers no call before it", record_id)
            return len(orjson.dumps(value.response))
        case _:
            return _check_media(value, at, record_id)


def _check_media(media: Blob | FileData, at: str, record_id: str) -> int:
    param = f"{at}.inlineData" if isinstance(media, Blob) else f"{at}.fileData"
    if media.said("mime_type") is None:
        raise invalid(f"{param}.mimeType", "it is required", record_id)
    try:
        made = _media(media)
    except ValueError as fault:
        raise invalid(param, str(fault), record_id) from None
    if "image" in made:
        return IMAGE_TOKENS * BYTES_PER_TOKEN
    return len(media.data) * 3 // 4 if isinstance(media, Blob) else 0


def turns_of(system: SystemInstruction | None, contents: list[Content]) -> Turns:
    """Return checked contents as Converse's system and turns."""
    turns = Turns()
    turns.system += [{"text": part.text} for part in (_list(system.parts) if system else ())]
    calls = Calls()
    for content in contents:
        role = "assistant" if content.role == "model" else "user"
        turns.add(role, [_block(part, calls) for part in _list(content.parts)])
    return turns


def _list[T](parts: list[T] | T) -> list[T]:
    return parts if isinstance(parts, list) else [parts]


def _block(part: Part, calls: Calls) -> dict[str, Any]:
    if part.text is not None:
        return {"text": part.text}
    value = next(value for name in KINDS if (value := part.said(name)) is not None)
    match value:
        case FunctionCall():
            call = {"toolUseId": calls.call(value), "name": value.name, "input": value.args or {}}
            return {"toolUse": call}
        case FunctionResponse():
            answer = {"toolUseId": calls.answer(value), "content": [{"json": value.response}]}
            return {"toolResult": answer}
        case _:
            return _media(value)


def _media(media: Blob | FileData) -> dict[str, Any]:
    """Return the block of a picture or a document; raises :class:`ValueError`."""
    kind = media.said("mime_type").lower()
    name = media.said("display_name") or "document"
    if isinstance(media, Blob):
        if kind in IMAGES:
            return image_of(kind, media.data)
        return document_of(kind, media.data, name)
    address = media.said("file_uri") or ""
    if not address.startswith("s3://"):
        raise ValueError("an s3:// address is wanted; nothing else is fetched")
    return image_at(address) if kind.startswith("image/") else document_at(address, name)
