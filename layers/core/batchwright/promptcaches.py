"""Which models keep the beginning of a prompt, and at what price it is read again: the table in ``promptcaches.json``.

A prompt cache belongs to the model's service and saves reading; it never answers anything. What was answered before is
another matter (:mod:`batchwright.answers`).
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from batchwright.families import family_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCache:
    """A model's cache of prompts; prices are parts of the price of input."""

    least: int
    """Fewer tokens are not kept."""
    most: int | None
    """The tokens that are kept at most, where there is a bound."""
    seconds: int
    """How long they are kept after they were last read."""
    read: float
    write: float


@cache
def cache_table() -> dict[str, Any]:
    """Return the table as it is kept, header and all."""
    table: dict[str, Any] = json.loads(
        files("batchwright").joinpath("promptcaches.json").read_bytes()
    )
    return table


@cache
def prompt_cache_of(model: str) -> PromptCache | None:
    """Return the prompt cache of a model by its own id, ``None`` where it is not known to have one.

    >>> prompt_cache_of("amazon.nova-lite-v1:0").read, prompt_cache_of("amazon.titan-text-lite-v1") is None
    (0.25, True)
    """
    table = cache_table()
    offered = table["models"].get(model)
    if offered is None:
        return None
    prices = table["prices"][family_of(model)]
    return PromptCache(
        least=offered["least"], most=offered.get("most"), seconds=table["seconds"], **prices
    )
