"""The body that a contract writes itself: a template, and the place of the answer."""

from collections.abc import Iterator
from typing import Any

import orjson
from jinja2 import nodes

from batchwright.bodies.plain import Plain, plain, refused
from batchwright.container import Container
from batchwright.natives.bodies import Said, text_of
from batchwright.request import Request
from batchwright.sandbox import Sandbox
from batchwright.template import Template

# Where a request says what a template may leave out only where nothing is said; a limit of tokens always is.
PARAMS = {
    "system": "system",
    "temperature": "inferenceConfig.temperature",
    "top_p": "inferenceConfig.topP",
    "stop": "inferenceConfig.stopSequences",
    "schema": "outputConfig",
}


class Own:
    """A body for any container that reads JSON and answers with JSON."""

    def __init__(self, container: Container) -> None:
        """Compile the template; raises :class:`ContractInvalid`."""
        self._template = Template(container.jinja or "", name="body.jinja")
        prompted = "prompt" in self._template.columns
        self._named = self._template.columns | ({"system"} if prompted else set())
        self._turns = None if prompted else _turns_named(container.jinja or "")
        self._steps = [
            step.replace("~1", "/").replace("~0", "~")
            for step in (container.answer or "").split("/")[1:]
        ]

    def written(self, request: Request, model: str | None) -> dict[str, Any]:
        """Fill the template; raises :class:`RecordInvalid` where it drops a part, or no JSON object comes of it."""
        asked = plain(request)
        self._check_named(asked)
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

    def _check_named(self, asked: Plain) -> None:
        """Refuse what the request says and the template does not name: it would be lost without a word."""
        if asked.more:
            raise refused("additionalModelRequestFields", "body.jinja has no name for them")
        for name, param in PARAMS.items():
            if name not in self._named and getattr(asked, name) not in (None, "", []):
                raise refused(param, f"body.jinja does not name {name}")
        turns = len(asked.messages)
        if self._turns is not None and {place % turns for place in self._turns} != {*range(turns)}:
            raise refused("messages", "body.jinja does not name every turn")

    def said(self, answer: Any) -> Said:
        """Return the text at the answer's place; why it ended is not known, nor is what it took."""
        for step in self._steps:
            answer = answer[int(step)] if isinstance(answer, list) else answer[step]
        if not isinstance(answer, str):
            raise TypeError("a text is wanted")
        return Said(content=[*text_of(answer)], stop_reason="end_turn")


def _turns_named(jinja: str) -> frozenset[int] | None:
    """Return the places of the turns that a template names; ``None`` where it names them as a whole.

    >>> _turns_named("{{ messages[0].content }} {{ (messages | last).content }}") == {0, -1}
    True
    """
    parsed = Sandbox().parse(jinja)
    places = [*_places(parsed)]
    uses = sum(node.name == "messages" for node in parsed.find_all(nodes.Name))
    return frozenset(places) if len(places) == uses else None


def _places(parsed: nodes.Template) -> Iterator[int]:
    for node in parsed.find_all((nodes.Getitem, nodes.Filter)):
        match node:
            case nodes.Filter(node=nodes.Name(name="messages"), name="first"):
                yield 0
            case nodes.Filter(node=nodes.Name(name="messages"), name="last"):
                yield -1
            case nodes.Getitem(node=nodes.Name(name="messages"), arg=nodes.Const(value=int(place))):
                yield place
            case nodes.Getitem(
                node=nodes.Name(name="messages"),
                arg=nodes.Neg(node=nodes.Const(value=int(place))),
            ):
                yield -place
