"""What servers of OpenAI's API answer: a chat completion as a completion, a refusal as one of our errors.

None of their words is repeated: they may quote the prompt.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import Meta, Struct

from batchwright.completion import Completion
from batchwright.errors import (
    AccessDenied,
    AskAgain,
    BatchwrightError,
    ContentFiltered,
    ContextOverflow,
    MalformedCompletion,
    ModelUnknown,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.natives.bodies import Said, text_of, tool_use
from batchwright.natives.chat import ENDINGS, Call, Usage, given
from batchwright.retryafter import seconds_of
from batchwright.usage import Usage as Counted

# A gateway says 502 while the server behind it is down: that is no word about the record.
KINDS: dict[int, type[AskAgain]] = {
    408: TimedOut,
    425: Unavailable,
    429: Throttled,
    500: ServiceFault,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
    529: Unavailable,
}
DENIED = {401, 402, 403}
# Nobody is there who answers chats: the address, or the model's name, is wrong.
NOT_THERE = {301, 302, 303, 307, 308, 404, 405, 501}
BROKE = 500
SPENT = "insufficient_quota"
FILTERED = ("content_filter", "content_policy_violation")
# OpenAI and vLLM, llama.cpp's server, TGI, and the newest vLLM.
TOO_LONG = (
    "context_length_exceeded",
    "maximum context length",
    "exceed_context_size",
    "exceeds the available context",
    "must be <= ",
    "is longer than the maximum model length",
)
UNKNOWN_MODEL = ("model_not_found",)
LIMITS = ("requests", "tokens")
SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


class Wrote(Struct, frozen=True, gc=False):
    """The message of the choice; a model of OpenAI's that declines says so in a field of its own."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None


class Choice(Struct, frozen=True, gc=False):
    """The one answer. vLLM's ``stop_reason`` beside it is a token or a text, and no reason."""

    message: Wrote
    finish_reason: str


class Answer(Struct, frozen=True, gc=False):
    """A chat completion, as far as it is read."""

    choices: Annotated[list[Choice], Meta(min_length=1, max_length=1)]
    usage: Usage
    id: str | None = None


DECODER = msgspec.json.Decoder(Answer)


def completion_of(content: bytes, headers: Mapping[str, str], waited_ms: int) -> Completion:
    """Read an answer; raises :class:`MalformedCompletion` where it is none."""
    try:
        answer = DECODER.decode(content)
        said = said_in(answer)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise MalformedCompletion(
            "the endpoint said 200 and sent no chat completion with one choice and its usage"
        ) from None
    return Completion(
        content=said.content,
        stop_reason=said.stop_reason,
        usage=Counted(input_tokens=said.input_tokens or 0, output_tokens=said.output_tokens or 0),
        latency_ms=waited_ms,
        request_id=headers.get("x-request-id") or answer.id,
    )


def said_in(answer: Answer) -> Said:
    """Return the choice in Converse's words."""
    (choice,), usage = answer.choices, answer.usage
    wrote = choice.message
    calls = [
        tool_use(call.id, call.function.name, given(call.function.arguments))
        for call in wrote.tool_calls or ()
    ]
    return Said(
        content=[*text_of(wrote.content or wrote.refusal or ""), *calls],
        stop_reason=_stop_reason(choice.finish_reason, called=bool(calls)),
        # What a server's own cache held was read all the same: nobody says what less it costs.
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
    )


def _stop_reason(finish_reason: str, *, called: bool) -> str:
    """Return Converse's word; where one tool had to be called, servers say that the answer just ended."""
    ended = ENDINGS.get(finish_reason, finish_reason)
    return "tool_use" if called and ended == "end_turn" else ended


def fault_of(
    status: int, headers: Mapping[str, str], content: bytes, model: str
) -> BatchwrightError:
    """Return our error for an answer that is not 200."""
    words = _words(content)
    told = f"the endpoint answered {status} for {model}{_request(headers)}"
    if status in DENIED or SPENT in words:
        return AccessDenied(f"{told}: is its key right, and may it ask this model?")
    if status in NOT_THERE or _holds(words, UNKNOWN_MODEL):
        return ModelUnknown(f"{told}: is base_url right up to its version, and the model's name?")
    if kind := KINDS.get(status) or (ServiceFault if status >= BROKE else None):
        return kind(told, retry_after=_retry_after(headers))
    return _for_the_record(words, told)


def _for_the_record(words: str, told: str) -> BatchwrightError:
    if _holds(words, FILTERED):
        return ContentFiltered(f"{told}: its filter took offence")
    if _holds(words, TOO_LONG):
        return ContextOverflow(f"{told}: prompt and answer are longer than the model's context")
    return RecordInvalid("invalid_request", told)


def _holds(words: str, signs: tuple[str, ...]) -> bool:
    return any(sign in words for sign in signs)


def _words(content: bytes) -> str:
    """Return code, type and message of an error in small letters; some servers put them at the top."""
    try:
        fields: Any = orjson.loads(content)
        error = fields.get("error", fields)
        if isinstance(error, dict):
            error = " ".join(str(error.get(name)) for name in ("code", "type", "message"))
        return str(error).lower()
    except (orjson.JSONDecodeError, AttributeError):
        return ""


def _request(headers: Mapping[str, str]) -> str:
    request_id = headers.get("x-request-id", "")
    return f" (request {request_id})" if re.fullmatch(r"[\w.:-]{1,128}", request_id) else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the endpoint wants us to wait: by its word, or until the limit that is used up is new."""
    if (number := seconds_of(headers.get("retry-after-ms", ""))) is not None:
        return number / 1000
    wished = seconds_of(headers.get("retry-after", ""), headers.get("date", ""))
    if wished is not None:
        return wished
    spent = (what for what in LIMITS if headers.get(f"x-ratelimit-remaining-{what}") == "0")
    spans = [_seconds(headers.get(f"x-ratelimit-reset-{what}", "")) for what in spent]
    return max((seconds for seconds in spans if seconds is not None), default=None)


def _seconds(written: str) -> float | None:
    """Read a span as OpenAI writes it.

    >>> _seconds("6m0s"), _seconds("20ms"), _seconds("1h0m1.5s"), _seconds("7"), _seconds("soon")
    (360.0, 0.02, 3601.5, 7.0, None)
    """
    found = SPAN.fullmatch(written)
    if not written or found is None:
        return seconds_of(written)
    parts = (float(part or 0) for part in found.groups())
    return sum(part * unit for part, unit in zip(parts, (3600, 60, 1, 0.001), strict=True))
