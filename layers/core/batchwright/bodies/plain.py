"""What containers that know only a prompt can be told of a request: its texts, and how to decode."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from batchwright.errors import RecordInvalid
from batchwright.request import Request

# What of a Converse request an endpoint can honour at all; its inference settings are looked at one by one.
HONOURED = {"messages", "system", "inferenceConfig", "toolConfig", "outputConfig"} | {
    "additionalModelRequestFields"
}
# Marks for a cache that an endpoint does not have: they change no answer.
MARKS = {"cachePoint"}


def refused(param: str, message: str) -> RecordInvalid:
    """Return the fault of a request that the container cannot honour."""
    return RecordInvalid("invalid_request", f"{param}: {message}", param=param)


def check_honoured(request: Request) -> None:
    """Refuse what no endpoint can honour; raises :class:`RecordInvalid`."""
    for name in request.body:
        if name not in HONOURED:
            raise refused(name, "an endpoint cannot honour it")


def text_in(block: dict[str, Any]) -> str | None:
    """Return a block's text, ``None`` where it holds something else."""
    match block:
        case {"text": str(text)} | {"guardContent": {"text": {"text": str(text)}}}:
            return text
    return None


def texts_in(blocks: Iterable[dict[str, Any]], param: str) -> str:
    """Return what blocks say, a line end between two; raises :class:`RecordInvalid` where they are not all texts."""
    said = []
    for block in blocks:
        text = text_in(block)
        if text is not None:
            said.append(text)
        elif MARKS.isdisjoint(block):
            kind = next(iter(block), "nothing")
            raise refused(param, f"the endpoint's container takes texts only, and here is {kind}")
    return "\n".join(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A request for texts only."""

    system: str
    messages: list[dict[str, str]]
    """Who said what: ``role`` and ``content``."""
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    stop: list[str]
    schema: str | None
    """The JSON Schema that the answer must have."""
    more: dict[str, Any]
    """Settings that go to the model as they are."""

    @property
    def prompt(self) -> str:
        """The system prompt and what the user asks; raises :class:`RecordInvalid` for a longer conversation.

        How a model tells the turns of a conversation apart is in its own template, which only the container has.
        """
        if len(self.messages) > 1:
            raise refused(
                "messages",
                "a container that reads a raw prompt knows no turns: serve its messages API, and say body: openai",
            )
        return "\n\n".join(part for part in (self.system, self.messages[0]["content"]) if part)


def plain(request: Request) -> Plain:
    """Read a request; raises :class:`RecordInvalid` where texts are not all of it."""
    check_honoured(request)
    body = request.body
    if body.get("toolConfig"):
        raise refused("toolConfig", "the endpoint's container takes no tools: say body: openai")
    inference = body.get("inferenceConfig", {})
    return Plain(
        system=texts_in(body.get("system", ()), "system"),
        messages=[
            {
                "role": message["role"],
                "content": texts_in(message["content"], f"messages[{place}].content"),
            }
            for place, message in enumerate(body["messages"])
        ],
        max_tokens=inference.get("maxTokens"),
        temperature=inference.get("temperature"),
        top_p=inference.get("topP"),
        stop=inference.get("stopSequences") or [],
        schema=schema_of(request)[0],
        more=body.get("additionalModelRequestFields") or {},
    )


def schema_of(request: Request) -> tuple[str | None, str]:
    """Return the JSON Schema that the answer must have, and its name; raises :class:`RecordInvalid`."""
    match request.body.get("outputConfig"):
        case None:
            return None, ""
        case {"textFormat": {"structure": {"jsonSchema": {"schema": str(schema), **named}}}}:
            return schema, str(named.get("name") or "answer")
    raise refused("outputConfig", "an endpoint can honour a JSON Schema only")


def without_nothing(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that say something."""
    return {name: value for name, value in fields.items() if value not in (None, [])}
