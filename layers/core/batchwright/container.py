"""What an endpoint's container reads and answers, as a contract says it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from batchwright.written import Written

# docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
ENDPOINT = r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"
# RFC 6901
POINTER = r"^(/([^~/]|~0|~1)*)+$"
LONGEST_TEMPLATE = 20_000
# What a template of a body may name.
KNOWN = frozenset(
    (
        "messages",
        "prompt",
        "system",
        "max_tokens",
        "temperature",
        "top_p",
        "stop",
        "schema",
        "model",
    )
)


class Container(Written):
    """A shape that is known by its name, or a template and the place of the answer.

    ``body: tgi`` is short for ``body: {shape: tgi}``.
    """

    shape: Literal["openai", "tgi", "djl"] | None = None
    """OpenAI's chat completions, as vLLM serves them; TGI's generate; or that of DJL's LMI."""
    jinja: Annotated[str, Field(min_length=1, max_length=LONGEST_TEMPLATE)] | None = None
    """A template of the body for any other container: JSON, with the request's parts in it."""
    answer: Annotated[str, Field(pattern=POINTER)] | None = None
    """Where in what the container answers the text stands, as a JSON Pointer."""

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, written: Any) -> Any:
        return {"shape": written} if isinstance(written, str) else written

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        own = {self.jinja is not None, self.answer is not None}
        if len(own) == 2 or (self.shape is None) is not (own == {True}):  # noqa: PLR2004 - one without the other
            raise ValueError("say openai, tgi or djl, or else jinja and answer together")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Tell editors of the short form, too."""
        whole = handler(core)
        named = {"type": "string", "enum": ["openai", "tgi", "djl"]}
        return {"anyOf": [named, whole]}


OPENAI = Container(shape="openai")
