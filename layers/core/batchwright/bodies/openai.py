"""OpenAI's chat completions, as vLLM, TGI's messages API and DJL's chat schema take them."""

from dataclasses import replace
from typing import Any

import msgspec

from batchwright.chatanswer import Answer, said_in
from batchwright.chatbody import chat_body
from batchwright.natives.bodies import Said
from batchwright.request import Request

UNCOUNTED = {"prompt_tokens": 0, "completion_tokens": 0}


class OpenAI:
    """A chat completion."""

    def written(self, request: Request, model: str | None) -> dict[str, Any]:
        """Return the body of a chat completion."""
        return chat_body(request, model)

    def said(self, answer: Any) -> Said:
        """Return the one choice; a container that wraps vLLM may not count."""
        if answer.get("usage") is not None:
            return said_in(msgspec.convert(answer, Answer))
        told = said_in(msgspec.convert({**answer, "usage": UNCOUNTED}, Answer))
        return replace(told, input_tokens=None, output_tokens=None)


SHAPE = OpenAI()
