"""Text Generation Inference's ``generate`` (huggingface.github.io/text-generation-inference)."""

from typing import Any

import orjson

from batchwright.bodies.generate import parameters_of, said_of
from batchwright.bodies.plain import plain
from batchwright.natives.bodies import Said
from batchwright.request import Request


class Tgi:
    """A prompt to go on from."""

    def written(self, request: Request, model: str | None) -> dict[str, Any]:  # noqa: ARG002 - it serves one
        """Return the prompt and its parameters; a schema is TGI's grammar."""
        asked = plain(request)
        parameters = parameters_of(asked)
        if asked.stop:
            parameters["stop"] = asked.stop
        if asked.schema is not None:
            parameters["grammar"] = {"type": "json", "value": orjson.loads(asked.schema)}
        return {"inputs": asked.prompt, "parameters": parameters}

    def said(self, answer: Any) -> Said:
        """Return what was generated."""
        return said_of(answer)


SHAPE = Tgi()
