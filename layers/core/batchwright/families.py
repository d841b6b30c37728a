"""Whose model it is: what tells native bodies, embedding models and their limits apart.

A family is a maker's line of models that share one InvokeModel body
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html).
"""

import re
from functools import lru_cache

# Looked for in this order; the id of an inference profile has a geography before the maker.
FAMILIES = {
    "titan_embed": re.compile(r"(^|\.)amazon\.titan-embed-text"),
    "cohere_embed": re.compile(r"(^|\.)cohere\.embed"),
    "other_embed": re.compile(r"\.?embed"),  # images and what is new: asked natively by nobody here
    "anthropic": re.compile(r"(^|\.)anthropic\."),
    "nova": re.compile(r"(^|\.)amazon\.nova"),
    "titan_text": re.compile(r"(^|\.)amazon\.titan"),
    "llama": re.compile(r"(^|\.)meta\."),
    "mistral": re.compile(r"(^|\.)mistral\."),
    "cohere": re.compile(r"(^|\.)cohere\."),
    "openai": re.compile(r"(^|\.)openai\."),
}
EMBEDDING = frozenset({"titan_embed", "cohere_embed", "other_embed"})


@lru_cache(256)
def family_of(model: str) -> str | None:
    """Return the family of a model id, a profile's id or an ARN of either; ``None`` where the name tells none.

    >>> family_of("us.anthropic.claude-haiku-4-5-20251001-v1:0"), family_of("amazon.titan-embed-text-v2:0")
    ('anthropic', 'titan_embed')
    >>> family_of("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc") is None
    True
    """
    model_id = model.rsplit("/", 1)[-1]
    return next((name for name, sign in FAMILIES.items() if sign.search(model_id)), None)


def embeds(model: str) -> bool:
    """Whether a model is known to answer with vectors."""
    return family_of(model) in EMBEDDING
