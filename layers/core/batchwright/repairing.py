"""Asking a model again whose answer does not fit its schema, with what is wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from batchwright.conformity import REPAIRED, noted
from batchwright.errors import BudgetExceeded, RecordEnds, SchemaViolation
from batchwright.finding import Verdict
from batchwright.pace import LeftOpen
from batchwright.request import Request, estimated_tokens
from batchwright.screens import Screens
from batchwright.settling import Asked

WISH = (
    "Your answer was checked and cannot be used. {complaint}\n"
    "Answer again with the whole corrected JSON and nothing else."
)

# Converse's turns and Nova's are lists of blocks; a text alone is a turn with these.
_OF_BLOCKS = frozenset((None, "nova"))
_OF_TEXTS = frozenset(("anthropic", "mistral", "openai"))


async def answered(
    screens: Screens, asked: Asked, request: Request, ask: Callable[[Request], Awaitable[None]]
) -> bool:
    """Let an answer through the filters, and have it repaired before where the contract says so.

    A repair is a call like any other. Returns whether the answer may be kept for others. Raises as the filters do, and
    :class:`SchemaViolation` where no answer fits.
    """
    wished, repairs = request, 0
    while True:
        try:
            as_it_is = await screens.answered(asked, request)
        except SchemaViolation as fault:
            if repairs < screens.repairs and _goes_on(request):
                wished = _repair_of(wished, asked, fault)
                if await _asked_again(wished, ask):
                    repairs += 1
                    continue
            asked.notes.add(Verdict.BLOCK, [noted(fault.kind, Verdict.BLOCK)])
            raise
        if repairs:
            asked.notes.add(Verdict.PASS, [noted(REPAIRED, Verdict.PASS)])
        return as_it_is and not repairs


async def _asked_again(wished: Request, ask: Callable[[Request], Awaitable[None]]) -> bool:
    """Ask for a repair; say whether there is another answer. That there is none changes nothing about the first.

    Where there is no money for it, or the job has stopped and only what a lane answered is read, the record was asked
    for all that: it fails. Who comes next finds no money either, and stops the job.
    """
    try:
        await ask(wished)
    except (RecordEnds, BudgetExceeded, LeftOpen):
        return False
    return True


def _goes_on(request: Request) -> bool:
    """Whether a request is a conversation, to which turns can be added: raw prompts are in their model's template."""
    known = request.family in _OF_BLOCKS or request.family in _OF_TEXTS
    return known and isinstance(request.body.get("messages"), list)


def _turn(request: Request, role: str, text: str) -> dict[str, Any]:
    return {
        "role": role,
        "content": [{"text": text}] if request.family in _OF_BLOCKS else text,
    }


def _repair_of(request: Request, asked: Asked, fault: SchemaViolation) -> Request:
    """Return a conversation with the answer and what is wrong with it at its end."""
    assert asked.completion is not None  # noqa: S101 - there is an answer
    said, wish = asked.completion.text.strip(), WISH.format(complaint=fault.complaint)
    messages = [
        *request.body["messages"],
        _turn(request, "assistant", said),
        _turn(request, "user", wish),
    ]
    asked.cached = False  # an answer that was kept may have been so under looser filters
    asked.input_tokens += estimated_tokens((said, wish))
    return replace(request, body={**request.body, "messages": messages})
