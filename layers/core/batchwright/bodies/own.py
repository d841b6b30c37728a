"""The body that a contract writes itself: a template, and the place of the answer."""

from typing import Any

import orjson

from batchwright.bodies.plain import plain, refused
from batchwright.container import Container
from batchwright.natives.bodies import Said, text_of
from batchwright.request import Request
from batchwright.template import Template


class Own:
    """A body for any container that reads JSON and answers with JSON."""

    def __init__(self, container: Container) -> None:
        """Compile the template; raises :class:`ContractInvalid`."""
        self._template = Template(container.jinja or "", name="body.jinja")
        self._steps = [
            step.replace("~1", "/").replace("~0", "~")
            for step in (container.answer or "").split("/")[1:]
        ]

    def written(self, request: Request, model: str | None) -> dict[str, Any]:
        """Fill the template; raises :class:`RecordInvalid` where no JSON object comes of it."""
        asked = plain(request)
        values = {
            "messages": asked.messages,
            "system": asked.system,
            "max_tokens": asked.max_tokens,
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "stop": asked.stop,
            "schema": None if asked.schema is None else orjson.loads(asked.schema),
            "model": model,
        }
        # A prompt is one question. Of a conversation it would be its end, and the rest be lost without a word.
        if "prompt" in self._template.columns:
            values["prompt"] = asked.prompt
        try:
            body = orjson.loads(self._template.render(values))
        except orjson.JSONDecodeError:
            raise refused("body.jinja", "what it makes of this request is not JSON") from None
        if not isinstance(body, dict):
            raise refused("body.jinja", "what it makes of this request is no JSON object")
        return body

    def said(self, answer: Any) -> Said:
        """Return the text at the answer's place; why it ended is not known, nor is what it took."""
        for step in self._steps:
            answer = answer[int(step)] if isinstance(answer, list) else answer[step]
        if not isinstance(answer, str):
            raise TypeError("a text is wanted")
        return Said(content=[*text_of(answer)], stop_reason="end_turn")
