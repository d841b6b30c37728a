"""What containers that go on from a raw prompt read and answer: TGI, DJL's LMI, and one that is like neither."""

from typing import Annotated, Any

from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion, StopReason, Turn
from tests.emulator.host.wire.schema import accepted
from tests.emulator.host.wire.shapes import SnakeShape, read

type Above0 = Annotated[float, Field(gt=0)]
type Between = Annotated[float, Field(gt=0, lt=1)]
type Count = Annotated[int, Field(ge=1)]
type Prompt = Annotated[str, Field(min_length=1)]

_REASONS = {
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.MAX_TOKENS: "length",
    StopReason.MODEL_CONTEXT_WINDOW_EXCEEDED: "length",
}


class Grammar(SnakeShape):
    """What TGI holds an answer to."""

    type: Annotated[str, Field(pattern="^json$")]
    value: dict[str, Any]


class Parameters(SnakeShape):
    """How to decode; a temperature of 0 is refused by both."""

    max_new_tokens: Count | None = None
    temperature: Above0 | None = None
    top_p: Between | None = None
    top_k: Count | None = None
    do_sample: bool = False
    return_full_text: bool = False
    details: bool = False


class TgiParameters(Parameters):
    """TGI's own."""

    stop: list[str] = Field(default_factory=list, max_length=4)
    grammar: Grammar | None = None


class DjlParameters(Parameters):
    """LMI's own."""

    stop_sequences: list[str] = Field(default_factory=list)


class TgiRequest(SnakeShape):
    """A body of ``generate``."""

    inputs: Prompt
    parameters: TgiParameters = TgiParameters()


class DjlRequest(SnakeShape):
    """A body of LMI's own schema."""

    inputs: Prompt
    parameters: DjlParameters = DjlParameters()


class Tgi:
    """Text Generation Inference."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(TgiRequest, body)
        grammar = request.parameters.grammar
        schema = None if grammar is None else accepted(grammar.value)
        self._details = request.parameters.details
        self.ask = _ask(request.inputs, request.parameters, request.parameters.stop, schema)

    def answer(self, completion: Completion) -> Any:
        """Return what was generated, in a list, as TGI's door for SageMaker has it."""
        return [_generated(completion, details=self._details)]


class Djl:
    """DJL Serving's LMI."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(DjlRequest, body)
        self._details = request.parameters.details
        self.ask = _ask(request.inputs, request.parameters, request.parameters.stop_sequences, None)

    def answer(self, completion: Completion) -> Any:
        """Return what was generated."""
        return _generated(completion, details=self._details)


class PlainRequest(SnakeShape):
    """What somebody's own container reads."""

    q: Prompt
    n: Count | None = None


class Plain:
    """Somebody's own container."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(PlainRequest, body)
        self.ask = Ask(turns=(Turn(role="user", text=request.q),), max_tokens=request.n)

    def answer(self, completion: Completion) -> Any:
        """Return a text and nothing else."""
        return {"outputs": [{"text": completion.text}]}


def _ask(
    prompt: str, parameters: Parameters, stop: list[str], schema: dict[str, Any] | None
) -> Ask:
    return Ask(
        turns=(Turn(role="user", text=prompt),),
        max_tokens=parameters.max_new_tokens,
        temperature=parameters.temperature if parameters.do_sample else 0.0,
        top_p=parameters.top_p,
        stop_sequences=tuple(stop),
        schema=schema,
    )


def _generated(completion: Completion, *, details: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"generated_text": completion.text}
    if details:
        told["details"] = {
            "finish_reason": _REASONS.get(completion.stop_reason, "eos_token"),
            "generated_tokens": completion.output_tokens,
            "prefill": [],
            "tokens": [],
        }
    return told
