"""What a contract may say, and probably does not mean."""

from collections.abc import Iterator
from typing import Any

from batchwright.batches import BATCH_LIKELY
from batchwright.contract import Contract
from batchwright.contractfaults import Fault, told_at
from batchwright.contractyaml import composed
from batchwright.errors import LONGEST_NAME_SHOWN
from batchwright.families import EMBEDDING, family_of
from batchwright.finding import Stage, Verdict
from batchwright.lane import AUTO, BEDROCK_BATCH, ENGINE, ON_DEMAND, SAGEMAKER_ASYNC
from batchwright.lanecosts import lane_knows
from batchwright.obstacles import hours
from batchwright.route import DEFAULT_MAX_TOKENS

type Advice = tuple[tuple[Any, ...], str]
"""A place in the contract, and what to think of there."""


def advice_on(text: bytes, contract: Contract) -> list[Fault]:
    """Return what somebody who knows would ask about a contract; ``text`` is the file that it was read from."""
    source = composed(text)
    return [told_at(source, *each) for each in _advice(contract)]


def _advice(contract: Contract) -> Iterator[Advice]:
    for number, route in enumerate(contract.routes):
        if not route.priced:
            yield ("routes", number, "model"), _unpriced(route.model, contract)
        if route.max_tokens is None and family_of(route.listed) not in EMBEDDING:
            yield (
                ("routes", number),
                f"without max_tokens {DEFAULT_MAX_TOKENS:,} are sent and reserved where the request says nothing",
            )
    yield from _on_lanes(contract)
    yield from _on_fallbacks(contract)
    yield from _on_names(contract)
    yield from _on_filters(contract)
    yield from _on_prompts(contract)


def _unpriced(model: str, contract: Contract) -> str:
    lead = f"the price of {model[:LONGEST_NAME_SHOWN]!r} is not known, so"
    if contract.budget is not None:
        return f"{lead} its files are refused while there is a budget"
    return f"{lead} what it costs will be told as null"


def _on_lanes(contract: Contract) -> Iterator[Advice]:
    model, engine = contract.routes[0].model, contract.routes[0].engine
    if contract.lane == ON_DEMAND and engine == ENGINE[SAGEMAKER_ASYNC]:
        yield (
            ("lane",),
            "on demand, workers are paid for while they look for an endpoint's answers: say lane: auto, for its queue",
        )
    if contract.lane == BEDROCK_BATCH and not lane_knows(BEDROCK_BATCH, model):
        yield (
            ("lane",),
            f"{model[:LONGEST_NAME_SHOWN]!r} is not among the models that are known to take batches",
        )
    batched = contract.lane in {BEDROCK_BATCH, AUTO} and engine == ENGINE[BEDROCK_BATCH]
    if batched and contract.lifetime <= BATCH_LIKELY:
        yield (
            ("deadline",),
            f"a batch is likely to take {hours(BATCH_LIKELY)}: so soon most records will be asked on demand",
        )


def _on_fallbacks(contract: Contract) -> Iterator[Advice]:
    if not contract.fallback:
        return
    first, *others = contract.routes
    for number, route in enumerate(others, start=1):
        if route.model == first.model and "denied" in contract.fallback:
            yield (
                ("routes", number),
                "it asks the same model as the first route: who may not ask the one may not ask the other",
            )
    if "unavailable" not in contract.fallback:
        yield ("fallback",), "without `unavailable` the job waits while the first model is down"


def _on_names(contract: Contract) -> Iterator[Advice]:
    for name, model in contract.models.items():
        if contract.named(model) is None:
            yield (
                ("models", name),
                f"no route asks {model[:LONGEST_NAME_SHOWN]!r}: it is asked without any limit or time-out of yours",
            )


def _on_filters(contract: Contract) -> Iterator[Advice]:
    for stage in Stage:
        entries = contract.filters.at(stage)
        if entries and all(entry.settings.verdict is Verdict.PASS for entry in entries):
            yield (
                ("filters", stage.value),
                "every filter has `then: pass`: findings are noted, and nothing is redacted or withheld",
            )


def _on_prompts(contract: Contract) -> Iterator[Advice]:
    prompt = contract.prompt
    if prompt is None or prompt.system is None:
        return
    from batchwright.template import Template  # noqa: PLC0415 - jinja2 costs a cold start, and only prompts need it

    if Template(prompt.system, name="prompt.system").columns - {"name", "part"}:
        yield (
            ("prompt", "system"),
            "what a row says here speaks with your own authority: name columns in prompt.user, as {{ text | quoted }}",
        )
