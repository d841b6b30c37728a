"""CountTokens: its request read. It is answered with a count and is never billed."""

from base64 import b64decode
from typing import Any

from tests.emulator.host.engines.port import Ask
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.blocks import Message, SystemBlock
from tests.emulator.host.wire.converse import conversation
from tests.emulator.host.wire.invoke_model import native
from tests.emulator.host.wire.shapes import Shape, Union, read
from tests.emulator.host.wire.tools import ToolConfig


class NativeInput(Shape):
    """An InvokeModel request to count."""

    body: str  # base64, as JSON carries bytes


class ConverseInput(Shape):
    """A Converse request to count."""

    messages: list[Message]
    system: list[SystemBlock] | None = None
    tool_config: ToolConfig | None = None
    additional_model_request_fields: dict[str, Any] | None = None


class Input(Union):
    """A union: one of the two."""

    invoke_model: NativeInput | None = None
    converse: ConverseInput | None = None


class CountTokensRequest(Shape):
    """A CountTokens request."""

    input: Input


def asked(body: bytes, *, model: str) -> Ask:
    """Return the request whose tokens are to be counted."""
    wanted = read(CountTokensRequest, body).input
    if wanted.invoke_model is not None:
        return native(_decoded(wanted.invoke_model.body), model=model).ask
    if wanted.converse is None:
        raise invalid("The input is empty.")
    return conversation(
        wanted.converse.messages, wanted.converse.system, wanted.converse.tool_config
    )


def _decoded(body: str) -> bytes:
    try:
        return b64decode(body, validate=True)
    except ValueError:
        raise invalid("The body of invokeModel is not valid base64.") from None
