"""What embedding models take of a request that is written for none of them: how many texts, and which dimensions."""

import re
from dataclasses import dataclass
from typing import Any

from batchwright.errors import RecordInvalid
from batchwright.record import Record

NEUTRAL = "embedding"
"""The family of a request that any embedding model may answer: ``{"texts": […], "dimensions": n?}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one model takes; the first of the dimensions is what it answers with unless it is asked otherwise."""

    family: str
    texts: int
    dimensions: tuple[int, ...]


# docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and …-embed.html
OFFERS = {
    re.compile(r"(^|\.)amazon\.titan-embed-text-v1"): Offer(
        family="titan_embed", texts=1, dimensions=(1536,)
    ),
    re.compile(r"(^|\.)amazon\.titan-embed-text-v2"): Offer(
        family="titan_embed", texts=1, dimensions=(1024, 512, 256)
    ),
    re.compile(r"(^|\.)cohere\.embed-v4"): Offer(
        family="cohere_embed", texts=96, dimensions=(1536, 1024, 512, 256)
    ),
    re.compile(r"(^|\.)cohere\.embed-(english|multilingual)-v3"): Offer(
        family="cohere_embed", texts=96, dimensions=(1024,)
    ),
}

# Where a line says its texts and its dimensions.
PLACES = {
    NEUTRAL: ("body.input", "body.dimensions"),
    "titan_embed": ("modelInput.inputText", "modelInput.dimensions"),
    "cohere_embed": ("modelInput.texts", "modelInput.output_dimension"),
}


def offer_of(model: str) -> Offer | None:
    """Return what a model takes, by its id, a profile's id or an ARN of either.

    >>> offer_of("eu.cohere.embed-v4:0").dimensions[0]
    1536
    """
    model_id = model.rsplit("/", 1)[-1]
    return next((offer for sign, offer in OFFERS.items() if sign.search(model_id)), None)


def check_offered(record: Record, model: str) -> None:
    """Refuse more texts or other dimensions than the model takes; raises :class:`RecordInvalid`."""
    offer = offer_of(model)
    if offer is None:
        return
    texts, dimensions = PLACES.get(record.family or NEUTRAL, PLACES[NEUTRAL])
    if record.texts > offer.texts:
        raise _refused(texts, f"{model} takes {_texts(offer.texts)} a line", record)
    if record.dimensions is not None and record.dimensions not in offer.dimensions:
        offered = ", ".join(map(str, offer.dimensions))
        raise _refused(dimensions, f"{model} offers {offered}", record)


def native_body(request: dict[str, Any], model: str) -> tuple[str, dict[str, Any]]:
    """Return the family of a model that :func:`offer_of` knows, and a neutral request in its words."""
    offer = offer_of(model)
    assert offer is not None, "routes for vectors have an offer"  # noqa: S101 - routing sees to it
    wanted = request.get("dimensions")
    chosen = wanted if wanted != offer.dimensions[0] else None
    if offer.family == "titan_embed":
        size = {"dimensions": chosen} if chosen else {}
        return offer.family, {"inputText": request["texts"][0], **size}
    size = {"output_dimension": chosen} if chosen else {}
    # A batch of texts is a corpus; what is searched for in it comes one by one, and from elsewhere.
    asked = {"texts": request["texts"], "input_type": "search_document", **size}
    return offer.family, asked


def _texts(count: int) -> str:
    return "one text" if count == 1 else f"{count} texts"


def _refused(param: str, told: str, record: Record) -> RecordInvalid:
    return RecordInvalid(
        "invalid_request", f"{param}: {told}", param=param, record_id=record.record_id
    )
