"""The schema of DJL Serving's large model inference
(docs.djl.ai/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html).
"""

from typing import Any

from batchwright.bodies.generate import parameters_of, said_of
from batchwright.bodies.plain import plain, refused
from batchwright.natives.bodies import Said
from batchwright.request import Request


class Djl:
    """A prompt to go on from."""

    def written(self, request: Request, model: str | None) -> dict[str, Any]:  # noqa: ARG002 - it serves one
        """Return the prompt and its parameters."""
        asked = plain(request)
        if asked.schema is not None:
            raise refused(
                "outputConfig",
                "DJL's own schema holds answers to none: say body: openai, which DJL serves too",
            )
        parameters = parameters_of(asked)
        if asked.stop:
            parameters["stop_sequences"] = asked.stop
        return {"inputs": asked.prompt, "parameters": parameters}

    def said(self, answer: Any) -> Said:
        """Return what was generated."""
        return said_of(answer)


SHAPE = Djl()
