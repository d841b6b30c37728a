"""OpenAI Batch, ``/v1/completions`` (platform.openai.com/docs/api-reference/completions/create).

The prompt is asked as one turn of the user's: the models behind Converse converse, they do not go on with a text. What
a line does not say, the contract says; OpenAI's own limit of 16 tokens is not assumed.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import (
    Fraction,
    Name,
    Shape,
    TokenLimit,
    Zero,
    check_default,
    check_text,
    read_shape,
)
from batchwright.dialects.openai import (
    ID_FIELD,
    Envelope,
    OpenAIBatch,
    Stop,
    check_url,
    one_choice,
    stops_of,
)
from batchwright.dialects.turns import Turns
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.request import Request, estimated_tokens

URL = "/v1/completions"


class Body(Shape, frozen=True, kw_only=True):
    """What of a completion's body a route can honour; what asks for nothing but the default is taken, too."""

    model: Name
    prompt: str | Annotated[list[str], Meta(min_length=1, max_length=1)]
    max_tokens: TokenLimit | None = None
    # Converse ends at 1 where OpenAI ends at 2: hotter cannot be honoured.
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    stop: Stop | None = None
    n: Literal[1] | None = None
    best_of: Literal[1] | None = None
    echo: bool | None = None
    stream: bool | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    logit_bias: Annotated[dict[str, int], Meta(max_length=0)] | None = None
    logprobs: None = None
    seed: None = None
    stream_options: None = None
    suffix: None = None
    # It labels a request and does not change its answer.
    user: str | None = None


class CompletionLine(Envelope, frozen=True, kw_only=True):
    """A line of the file."""

    body: Body


DECODER = msgspec.json.Decoder(CompletionLine)


class OpenAICompletions(OpenAIBatch):
    """OpenAI Batch JSONL for completions, the older endpoint."""

    name = "openai_completions"
    url = URL

    def read(self, line: Line) -> Record:
        """Read and check one line."""
        shape = read_shape(DECODER, line, ID_FIELD)
        record_id, body = shape.custom_id, shape.body
        check_url(shape, self.url)
        check_default("body.echo", body.echo, record_id)
        check_default("body.stream", body.stream, record_id)
        prompt = _prompt(body)
        check_text("body.prompt", prompt, record_id)
        return Record(
            record_id=record_id,
            model=body.model,
            input_tokens=estimated_tokens([prompt]),
            max_tokens=body.max_tokens,
            shape=body,
        )

    def request(self, record: Record) -> Request:
        """Return the line as a Converse request."""
        asked: Body = record.shape
        turns = Turns()
        turns.add("user", [{"text": _prompt(asked)}])
        settings = {
            "maxTokens": asked.max_tokens,
            "temperature": asked.temperature,
            "topP": asked.top_p,
            "stopSequences": stops_of(asked.stop),
        }
        return Request(turns.body(settings))

    def body(
        self,
        record: Record,  # noqa: ARG002 - a completion does not repeat its request
        completion: Completion,
        told: Answered | Unanswered,
    ) -> dict[str, Any]:
        """Return a completion."""
        return one_choice(
            completion, told, id_prefix="cmpl", kind="text_completion", text=completion.text
        )


def _prompt(body: Body) -> str:
    return body.prompt if isinstance(body.prompt, str) else body.prompt[0]
