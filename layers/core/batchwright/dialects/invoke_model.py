"""Bedrock batch inference, type InvokeModel: each line holds a body in the words of its model's family
(docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html).
"""

from typing import Any

import msgspec
import orjson
from msgspec import Raw

from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.dialects.bedrock import ID_FIELD, BedrockBatch, read_envelope
from batchwright.dialects.jsonl import check_portable, check_text, invalid, read_part
from batchwright.families import family_of
from batchwright.lines import Line
from batchwright.natives import native_of
from batchwright.natives.bodies import Native, Part
from batchwright.record import Record
from batchwright.request import BYTES_PER_TOKEN, IMAGE_TOKENS, Request, tokens_in, weight

AT = "modelInput"
TOP = msgspec.json.Decoder(dict[str, Raw])
PICTURES = ("image", "image_url")


class InvokeModel(BedrockBatch):
    """Bedrock batch JSONL whose ``modelInput`` is a native body; it is asked and answered untranslated."""

    name = "bedrock_invoke"

    def __init__(self, contract: Contract | None = None) -> None:
        """The contract's models decide where a body alone does not tell its family; the built-in one names none."""
        self._asked = _families(contract) if contract else frozenset()

    @staticmethod
    def speaks(fields: dict[str, Any]) -> bool:
        """Whether a line holds an input for a model: which family reads it :meth:`read` tells, or why none does."""
        return "modelInput" in fields

    def read(self, line: Line) -> Record:
        """Read and check one line; a line without ``recordId`` is known by its number."""
        record_id, source = read_envelope(line)
        native = self._native_of(source, line, record_id)
        body = read_part(native.decoder, source, line, ID_FIELD, AT)
        if fault := native.fault(body):
            param, told = fault
            raise invalid(f"{AT}.{param}", told, record_id)
        size = sum(_size_of(part, f"{AT}.{at}", record_id) for at, part in native.parts(body))
        texts, dimensions = native.wants(body)
        return Record(
            record_id=record_id,
            family=native.name,
            native=True,
            embeds=native.embeds,
            texts=texts,
            dimensions=dimensions,
            input_tokens=tokens_in(size),
            max_tokens=native.limit_in(body),
            shape=source,
        )

    def _native_of(self, source: Raw, line: Line, record_id: str) -> Native:
        top = read_part(TOP, source, line, ID_FIELD, AT)
        try:
            return native_of(top, self._asked)
        except ValueError as undecided:
            raise invalid(AT, str(undecided), record_id) from None

    def request(self, record: Record) -> Request:
        """Return the line as it stands."""
        return Request(orjson.loads(bytes(record.shape)), record.family)

    def output(self, completion: Completion) -> dict[str, Any]:
        """Return the answer as the family writes it."""
        return completion.native or {}


def _families(contract: Contract) -> frozenset[str]:
    if contract.built_in:
        return frozenset()
    models = [*(route.model for route in contract.routes), *contract.models.values()]
    return frozenset(family for model in models if (family := family_of(model)))


def _size_of(part: Part, param: str, record_id: str) -> int:
    """Check what the model reads, and return its bytes; a picture's are those that its tokens are worth."""
    if isinstance(part, str):
        check_text(param, part, record_id)
        return weight(part)
    check_portable(param, part, record_id)
    if isinstance(part, dict) and "text" in part:
        text = part["text"]
        if not isinstance(text, str):
            raise invalid(f"{param}.text", "a text is wanted", record_id)
        check_text(f"{param}.text", text, record_id)
        return weight(text)
    if isinstance(part, dict) and ("image" in part or part.get("type") in PICTURES):
        return IMAGE_TOKENS * BYTES_PER_TOKEN
    return len(orjson.dumps(part))
