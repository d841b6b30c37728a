"""Which model ids Bedrock would know: an id with its provider, or an ARN."""

import re
from functools import lru_cache

from tests.emulator.host.refusals import invalid

_ID = r"(?:[a-z-]+\.)*[a-z0-9-]+\.[a-zA-Z0-9.:_-]+"
_ARN = r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+:(?:[0-9]{12})?:"
_OWN = "application-inference-profile|provisioned-model|imported-model|custom-model-deployment"
_KNOWN = re.compile(
    rf"(?:{_ARN}(?:foundation-model|inference-profile)/)?{_ID}"
    rf"|{_ARN}(?:{_OWN})/[a-zA-Z0-9.:_-]+"
)


@lru_cache(maxsize=1024)
def known(model: str) -> str:
    """Return the id, or refuse it.

    >>> known("us.amazon.nova-lite-v1:0")
    'us.amazon.nova-lite-v1:0'
    """
    if _KNOWN.fullmatch(model) is None:
        raise invalid("The provided model identifier is invalid.")
    return model


def is_embedding(model: str) -> bool:
    """Say whether the model answers with vectors and never with text.

    >>> is_embedding("amazon.titan-embed-text-v2:0"), is_embedding("amazon.titan-text-lite-v1")
    (True, False)
    """
    return "amazon.titan-embed" in model or "cohere.embed" in model
