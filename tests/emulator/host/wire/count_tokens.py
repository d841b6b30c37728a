"""CountTokens: its request read. It is answered with a count and is never billed."""

from base64 import b64decode
from typing import Any

from tests.emulator.host.engines.port import Ask
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.conversation import Message, SystemBlock, system_text, turns
from tests.emulator.host.wire.invoke_model import native
from tests.emulator.host.wire.shapes import Shape, read


class NativeInput(Shape):
    """An InvokeModel request to count."""

    body: str  # base64, as JSON carries bytes


class ConverseInput(Shape):
    """A Converse request to count."""

    messages: list[Message]
    system: list[SystemBlock] | None = None
    tool_config: dict[str, Any] | None = None
    additional_model_request_fields: dict[str, Any] | None = None


class Input(Shape):
    """A union: one of the two."""

    invoke_model: NativeInput | None = None
    converse: ConverseInput | None = None


class CountTokensRequest(Shape):
    """A CountTokens request."""

    input: Input


def asked(body: bytes, *, model: str) -> Ask:
    """Return the request whose tokens are to be counted."""
    wanted = read(CountTokensRequest, body).input
    if (wanted.invoke_model is None) == (wanted.converse is None):
        raise invalid("The input must have exactly one of the members [invokeModel, converse].")
    if wanted.invoke_model is not None:
        return native(_decoded(wanted.invoke_model.body), model=model).ask
    conversation = wanted.converse
    if conversation is None or conversation.tool_config is not None:
        raise invalid("This model doesn't support tool use.")
    return Ask(turns=turns(conversation.messages), system=system_text(conversation.system))


def _decoded(body: str) -> bytes:
    try:
        return b64decode(body, validate=True)
    except ValueError:
        raise invalid("The body of invokeModel is not valid base64.") from None
