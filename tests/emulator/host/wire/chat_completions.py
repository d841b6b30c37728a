"""`/v1/chat/completions` as a server of OpenAI's API takes it: any messages, pictures, tools, and a schema."""

import json
from base64 import b64decode
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tests.emulator.host.engines.port import Ask, Completion, StopReason, Tool, Turn
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire import conversation
from tests.emulator.host.wire.chat import Format, Stop, answer_of, sequences, wanted_schema
from tests.emulator.host.wire.converse import Fraction
from tests.emulator.host.wire.native import Count
from tests.emulator.host.wire.parts import Attached, Called, Message, Part, Returned, Said
from tests.emulator.host.wire.shapes import SnakeShape, read, size_of
from tests.emulator.host.wire.tools import chosen, distinct

DATA = "data:"
CONTEXT = (
    "This model's maximum context length is 2048 tokens. Please reduce the length of the messages."
)


class Address(SnakeShape):
    """Where a picture is: in the address itself."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None

    @model_validator(mode="after")
    def _holds_it(self) -> "Address":
        kind, _, content = self.url.partition(";base64,")
        if not kind.startswith(f"{DATA}image/") or not b64decode(content, validate=True):
            raise invalid("image_url: this host fetches nothing.")
        return self


class File(SnakeShape):
    """A document, given whole."""

    filename: str
    file_data: str


class TextPart(SnakeShape):
    """A text."""

    type: Literal["text"]
    text: str

    def part(self) -> Part:
        """Return it as what every wire calls it."""
        return Said(self.text)


class ImagePart(SnakeShape):
    """A picture."""

    type: Literal["image_url"]
    image_url: Address

    def part(self) -> Part:
        """Return it as what every wire calls it."""
        return Attached("image")


class FilePart(SnakeShape):
    """A document."""

    type: Literal["file"]
    file: File

    def part(self) -> Part:
        """Return it as what every wire calls it."""
        return Attached("document", size_of(self.file.file_data.partition(",")[2]))


class Function(SnakeShape):
    """A call, its arguments as JSON in a string."""

    name: str
    arguments: str


class ToolCall(SnakeShape):
    """A call that was made in an earlier turn."""

    id: str
    type: Literal["function"]
    function: Function


class Spoken(SnakeShape):
    """A message of any role."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart | ImagePart | FilePart] | None = None
    tool_calls: list[ToolCall] = Field(default_factory=list)
    tool_call_id: str | None = None

    @property
    def parts(self) -> list[Part]:
        """What was said and called."""
        said: list[Part] = [Said(self.content)] if isinstance(self.content, str) else []
        if isinstance(self.content, list):
            said = [part.part() for part in self.content]
        calls = (call.function for call in self.tool_calls)
        ids = (call.id for call in self.tool_calls)
        return [
            *said,
            *(
                Called(id_, call.name, json.loads(call.arguments))
                for id_, call in zip(ids, calls, strict=True)
            ),
        ]

    @property
    def text(self) -> str:
        """All texts."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Said))


class Definition(SnakeShape):
    """What a tool is called, does and takes."""

    name: str
    description: str = ""
    parameters: dict[str, Any]
    strict: bool | None = None


class FunctionTool(SnakeShape):
    """A tool."""

    type: Literal["function"]
    function: Definition


class Named(SnakeShape):
    """A tool's name."""

    name: str


class OneTool(SnakeShape):
    """The choice of one tool."""

    type: Literal["function"]
    function: Named


class ChatRequest(SnakeShape):
    """The body; what this host cannot honour is refused, as everything unknown is."""

    model: str
    messages: Annotated[list[Spoken], Field(min_length=1)]
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Fraction | None = None
    top_k: int | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    stream: Literal[False] = False
    response_format: Format | None = None
    tools: list[FunctionTool] = Field(default_factory=list)
    tool_choice: Literal["auto", "none", "required"] | OneTool | None = None


class ChatCompletions:
    """One request, read from its body."""

    def __init__(self, body: bytes) -> None:
        request = read(ChatRequest, body)
        self.model = request.model
        self._named = isinstance(request.tool_choice, OneTool)
        tools = distinct([_tool(each.function) for each in request.tools])
        self.ask = Ask(
            turns=_turns(request.messages),
            system="\n".join(one.text for one in request.messages if _above(one)),
            max_tokens=request.max_tokens or request.max_completion_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            stop_sequences=sequences(request.stop),
            schema=wanted_schema(request.response_format),
            tools=tools,
            must_call=_must_call(request, tools),
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return a chat completion with its one choice, and what only vLLM tells."""
        body = answer_of(completion, self.model)
        (choice,) = body["choices"]
        choice["stop_reason"] = completion.stop_sequence
        if completion.call is not None:
            choice["message"] |= {"content": None, "tool_calls": [_called(completion)]}
            # Where one tool had to be called, vLLM says that the answer just ended.
            choice["finish_reason"] = "stop" if self._named else "tool_calls"
        if completion.stop_reason is StopReason.MODEL_CONTEXT_WINDOW_EXCEEDED:
            raise invalid(CONTEXT)
        return body


def _above(message: Spoken) -> bool:
    return message.role in {"system", "developer"}


def _turns(messages: list[Spoken]) -> tuple[Turn, ...]:
    """Return the turns: neighbours of one side are one, and what a tool gave back is the user's."""
    spoken: list[Message] = []
    for one in messages:
        if _above(one):
            continue
        side: Literal["user", "assistant"] = "assistant" if one.role == "assistant" else "user"
        parts = tuple(one.parts)
        if one.role == "tool":
            parts = (Returned(one.tool_call_id or "", (Said(one.text),)),)
        if spoken and spoken[-1].role == side:
            parts = (*spoken.pop().parts, *parts)
        spoken.append(Message(side, parts))
    return conversation.turns(spoken)


def _tool(given: Definition) -> Tool:
    return Tool(name=given.name, description=given.description, schema=given.parameters)


def _must_call(request: ChatRequest, tools: tuple[Tool, ...]) -> Tool | None:
    match request.tool_choice:
        case OneTool(function=named):
            return chosen(tools, named.name)
        case "required":
            return chosen(tools, None)
    return None


def _called(completion: Completion) -> dict[str, Any]:
    assert completion.call is not None
    arguments = json.dumps(completion.call.input)
    function = {"name": completion.call.name, "arguments": arguments}
    return {"id": "chatcmpl-tool-1", "type": "function", "function": function}
