"""What TGI's generate and DJL's LMI share: a raw prompt with parameters, and a text with details."""

from typing import Any

from msgspec import Struct, convert

from batchwright.bodies.plain import Plain, without_nothing
from batchwright.natives.bodies import Count, Said, text_of

ENDINGS = {
    "eos_token": "end_turn",
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
}


class Details(Struct, frozen=True, gc=False):
    """How a text came to its end."""

    finish_reason: str
    generated_tokens: Count
    prompt_tokens: Count | None = None


class Generated(Struct, frozen=True, gc=False):
    """A text, and its details, which were asked for: without them nobody knows whether it is whole."""

    generated_text: str
    details: Details


def parameters_of(asked: Plain) -> dict[str, Any]:
    """Return the parameters that both read under the same names."""
    # Neither takes a temperature of 0, which stands for no chance at all.
    drawn = asked.temperature != 0 and (asked.temperature is not None or asked.top_p is not None)
    sampling = {"temperature": asked.temperature, "top_p": _below_one(asked.top_p)} if drawn else {}
    return {
        **asked.more,
        **without_nothing({"max_new_tokens": asked.max_tokens, **sampling}),
        "do_sample": drawn,
        "return_full_text": False,
        "details": True,
    }


def _below_one(top_p: float | None) -> float | None:
    return top_p if top_p is not None and 0 < top_p < 1 else None


def said_of(answer: Any) -> Said:
    """Read an answer, perhaps in a list by itself."""
    if isinstance(answer, list):
        (answer,) = answer
    told = convert(answer, Generated)
    reason = told.details.finish_reason
    return Said(
        content=[*text_of(told.generated_text)],
        stop_reason=ENDINGS.get(reason, reason),
        input_tokens=told.details.prompt_tokens,
        output_tokens=told.details.generated_tokens,
    )
