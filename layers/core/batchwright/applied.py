"""What an account's own quotas say of a model, by the names that Service Quotas gives them; unknown is ``None``.

Only tokens: Bedrock does not enforce its quotas of requests any more, though some accounts still list them
(docs.aws.amazon.com/bedrock/latest/userguide/quotas-runtime.html).
"""

import re
from collections.abc import Mapping

from batchwright.prices import GEOGRAPHY, base_id, model_id

NAMES = re.compile(
    r"(?P<way>on-demand|cross-region|global cross-region) (model inference|invokemodel)"
    r" tokens per minute for (?P<model>.+)",
    re.IGNORECASE,
)
# What an id has and a quota's name has not: the day of its making, the last part of a version, a first version.
OF_IDS = re.compile(r"-20\d{6}(?=-|:|$)|:\d+$|-v?[01](?=:\d+$|$)")
OF_NAMES = re.compile(r" v1$| ai(?= )", re.IGNORECASE)
# Models whose quotas are spelt otherwise than their ids.
SPELT = {
    "amazontitanembedtext": "amazontitantextembeddings",
    "amazontitanembedtextv2": "amazontitantextembeddingsv2",
    "cohereembedenglishv3": "cohereembedenglish",
    "cohereembedmultilingualv3": "cohereembedmultilingual",
    "metallama4maverick17binstruct": "metallama4maverick",
    "metallama4scout17binstruct": "metallama4scout",
    "mistralmixtral8x7binstruct": "mistralmixtral8x7bbinstruct",
}


def tokens_a_minute(model: str, quotas: Mapping[str, float]) -> int | None:
    """Return what an account may ask of a model in a minute, of its ``quotas`` by their names.

    A model, a profile of a geography and the global profile have quotas of their own. A quota of nothing is not
    believed: accounts list such ones for models that answer.

    >>> tokens_a_minute(
    ...     "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
    ...     {"Cross-region model inference tokens per minute for Anthropic Claude 3.5 Sonnet V2": 800_000.0},
    ... )
    800000
    """
    wanted = _way(model), _spelling(model)
    found = [
        int(value)
        for name, value in quotas.items()
        if value >= 1 and (told := NAMES.fullmatch(name)) and _named(told, *wanted)
    ]
    return min(found, default=None)


def _way(model: str) -> str:
    geography = GEOGRAPHY.match(model_id(model))
    if geography is None:
        return "on-demand"
    return "global cross-region" if geography[1] == "global" else "cross-region"


def _named(told: re.Match[str], way: str, spellings: frozenset[str]) -> bool:
    return told["way"].lower() == way and _letters(OF_NAMES.sub("", told["model"])) in spellings


def _spelling(model: str) -> frozenset[str]:
    """Return how a model may be called, with and without who made it."""
    maker, _, name = base_id(model).partition(".")
    while name != (shorter := OF_IDS.sub("", name)):
        name = shorter
    whole = _letters(maker + name)
    return frozenset({SPELT.get(whole, whole), _letters(name)})


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
