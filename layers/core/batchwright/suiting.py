"""Which models read a line, as far as their names tell."""

from batchwright.embedding import NEUTRAL, check_offered, offer_of
from batchwright.errors import LONGEST_NAME_SHOWN, RecordInvalid
from batchwright.families import EMBEDDING, family_of
from batchwright.prices import base_id
from batchwright.record import Record


def suits(model: str, record: Record) -> bool:
    """Whether a model reads such a line."""
    if record.embeds and not record.native:
        return offer_of(model) is not None
    family = family_of(model)
    if family is None:
        return True
    return family == record.family if record.family else family not in EMBEDDING


def stands_in(model: str, first: str, record: Record) -> bool:
    """Whether a model may answer a line instead of the first that is asked.

    Vectors of two models cannot be compared, so that only the same model stands in, asked elsewhere or otherwise; and
    a native body is written for one family, which the name must tell.
    """
    if record.embeds:
        return base_id(model) == base_id(first)
    if record.native:
        return family_of(model) == record.family
    return suits(model, record)


def first_suiting(record: Record, served: tuple[str, ...]) -> str | None:
    """Return the first of the stack's models that reads such a line, rather one that offers what it asks."""
    suiting = [model for model in served if "*" not in model and suits(model, record)]
    return next((model for model in suiting if _offers(model, record)), next(iter(suiting), None))


def _offers(model: str, record: Record) -> bool:
    try:
        if record.embeds:
            check_offered(record, model)
    except RecordInvalid:
        return False
    return True


def mismatch(target: str, record: Record) -> RecordInvalid:
    """Return the fault of a line that a model does not read."""
    if record.family not in {None, NEUTRAL}:
        wanted = f"a body of the family {record.family}"
    else:
        wanted = "for vectors" if record.embeds else "for text"
    return RecordInvalid(
        "model_mismatch",
        f"the line asks {wanted}, {target[:LONGEST_NAME_SHOWN]!r} does not answer that:"
        " name a model that does in the contract and in ModelArns",
        param="model",
        record_id=record.record_id,
    )


def without_schema(contract: str, record: Record) -> RecordInvalid:
    """Return the fault of a line whose answer cannot be held to the contract's schema."""
    return RecordInvalid(
        "invalid_request",
        f"contract {contract!r} wants answers of a schema, which cannot be added to what InvokeModel is asked:"
        " name a contract without response: for this file",
        param="modelInput" if record.native else "body.input",
        record_id=record.record_id,
    )


def without_guardrail(contract: str, record: Record) -> RecordInvalid:
    """Return the fault of a line that a guardrail of the contract cannot look at."""
    return RecordInvalid(
        "invalid_request",
        f"contract {contract!r} has a guardrail, which looks only at what Converse is asked:"
        " name a contract without routes' guardrail: for this file",
        param="modelInput" if record.native else "body.input",
        record_id=record.record_id,
    )
