"""What a job may spend, and what it has spent: in whole billionths of a dollar, so that sums come out.

A budget is kept by bounds and not by guesses: money is set aside for the most that a call can cost, before it is made.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from batchwright.marking import MARKS
from batchwright.prices import Price, base_id, price_of
from batchwright.promptcaches import prompt_cache_of
from batchwright.request import Request, weight
from batchwright.usage import Usage

BILLIONTHS = 1_000_000_000
MILLION = 1_000_000

# What stands around the texts: the model's own chat template and default system prompt, and the marks of each part.
TEMPLATE_TOKENS = 256
PART_TOKENS = 16
# Tools and schemas of answers make models read instructions that nobody sent: Claude up to 530 tokens for tools, and
# 2,200 for all that it brings its own definitions of
# (platform.claude.com/docs/en/agents-and-tools/tool-use/overview, …/computer-use-tool).
INSTRUCTION_TOKENS = 2_500
INSTRUCTED = frozenset(
    {"toolConfig", "tools", "outputConfig", "output_config", "documents", "tool_results"}
)
# JSON is written for the model by the service, with escapes: é may become \u00e9.
JSON_BYTES = 3
# Nova makes some 2,600 of the largest picture (docs.aws.amazon.com/nova/latest/userguide/modalities-image.html), Claude
# 1,600, in its newest models 4,800 (platform.claude.com/docs/en/build-with-claude/vision), Llama 4 some 2,500.
MOST_IMAGE_TOKENS = 8_192
# What a PDF or a film holds, its bytes do not tell; no model reads more than its context, and none has a longer one.
LARGEST_INPUT = 10_000_000
# Of a document of these formats no more is read than it has bytes, and the marks of cells and headings.
TEXT_FORMATS = frozenset({"txt", "md", "html", "csv"})
TEXT_FORMAT_BYTES = 2
# Claude's dearest cache is written at twice the price of what is read
# (platform.claude.com/docs/en/build-with-claude/prompt-caching).
CACHE_FACTOR = 2
# Beyond the context in the table Claude reads a million tokens for those who ask for the beta, at up to twice the price
# of all (platform.claude.com/docs/en/build-with-claude/context-windows).
LONG_MARK = "anthropic_beta"
LONG_CONTEXT = 1_000_000
LONG_FACTOR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A job's money, in billionths of a dollar."""

    spent: int = 0
    reserved: int = 0
    """Set aside for calls whose cost is not known yet; what a killed worker had set aside stays here."""
    held: int = 0
    """The part of it that is set aside for batches, which give it back when they end."""
    unmoved: float = field(default=0.0, compare=False)
    """For how many seconds, at least, nothing was set aside, spent or given back."""


class Rates(NamedTuple):
    """What a model costs, in billionths of a dollar for a million tokens, and what it reads at these prices."""

    input: int
    output: int
    cache_read: int
    """Of what a prompt cache held; as dear as input where that is not known."""
    context: int


@cache
def rates_of(model: str, own: Price | None = None) -> Rates | None:
    """Return a model's rates, ``None`` where its price is not known; what is its ``own`` price holds."""
    price = price_of(model) if own is None else own.model_dump()
    if price is None:
        return None
    kept = prompt_cache_of(base_id(model))
    return Rates(
        input=round(price["input"] * BILLIONTHS),
        cache_read=round(price["input"] * BILLIONTHS * (kept.read if kept else 1)),
        output=round(price["output"] * BILLIONTHS),
        context=int(price.get("context", LARGEST_INPUT)),
    )


def most_billionths(request: Request, route_model: str, own: Price | None = None) -> int | None:
    """Return what a call costs at most, ``None`` where no price, or no limit of the answer, is known.

    No tokenizer makes more tokens than a text has bytes, so that a call never costs more; mostly it costs a quarter.

    >>> most_billionths(Request({"inputText": "hello"}, "titan_embed"), "amazon.titan-embed-text-v2:0")
    5220
    """
    rates = rates_of(route_model, own)
    if rates is None or _pictures_for_vectors(request):
        return None
    written = request.max_tokens if rates.output else 0
    if written is None:
        return None
    reading = Reading(request.body)
    context = max(LONG_CONTEXT, rates.context) if reading.long else rates.context
    read = min(reading.tokens, context) * (CACHE_FACTOR if reading.cached else 1)
    cost = read * rates.input + written * rates.output
    return _rounded_up(cost * (LONG_FACTOR if reading.long else 1))


def spent_billionths(model: str, usage: Usage, own: Price | None = None) -> int | None:
    """Return what a call has cost at most, ``None`` where the price is not known.

    What was written into a cache counts as the dearest that there is: usage does not tell for how long it is kept.

    >>> spent_billionths("us.amazon.nova-lite-v1:0", Usage(input_tokens=10, output_tokens=1))
    840
    """
    rates = rates_of(model, own)
    if rates is None:
        return None
    read = usage.input_tokens + usage.cache_write_tokens * CACHE_FACTOR
    cost = (
        read * rates.input
        + usage.cache_read_tokens * rates.cache_read
        + usage.output_tokens * rates.output
    )
    long = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens > rates.context
    return _rounded_up(cost * (LONG_FACTOR if long else 1))


def _rounded_up(millionths: int) -> int:
    return -(-millionths // MILLION)


def _pictures_for_vectors(request: Request) -> bool:
    """Whether vectors of pictures are wanted, which cost otherwise than the texts in the table."""
    return request.family == "cohere_embed" and not request.body.keys().isdisjoint(
        {"images", "inputs"}
    )


class Reading:
    """The most that a model can read of a body; one walk, without writing it as JSON."""

    __slots__ = ("cached", "long", "tokens")

    def __init__(self, body: dict[str, Any]) -> None:
        """``body`` is Converse's or a family's own."""
        self.tokens = TEMPLATE_TOKENS
        self.cached = False
        """Whether the body asks for a cache."""
        self.long = False
        """Whether it may ask for a longer context."""
        if not INSTRUCTED.isdisjoint(body):
            self.tokens += INSTRUCTION_TOKENS
        for name, value in body.items():
            self._field(name, value)

    def _field(self, name: str, value: Any) -> None:
        if name == "messages" and isinstance(value, list):
            for turn in value:
                self._turn(turn)
        elif name == "system":
            self._content(value)
        elif name == "images" and isinstance(value, list):
            self.tokens += len(value) * MOST_IMAGE_TOKENS
        elif isinstance(value, str):
            self.tokens += weight(value)
        else:
            self._mark(name)
            self._json(value)

    def _turn(self, turn: Any) -> None:
        if not isinstance(turn, dict):
            self._json(turn)
            return
        self.tokens += PART_TOKENS
        for name, value in turn.items():
            if name == "content":
                self._content(value)
            else:
                self._json(value)

    def _content(self, content: Any) -> None:
        if isinstance(content, str):
            self.tokens += weight(content)
        elif isinstance(content, list):
            for block in content:
                self._block(block)
        else:
            self._json(content)

    def _block(self, block: Any) -> None:
        self.tokens += PART_TOKENS
        match block:
            case {"text": str(text)}:
                self.tokens += weight(text)
                self._rest(block, "text")
            case {"image": {"source": _}}:
                self.tokens += MOST_IMAGE_TOKENS
                self._rest(block, "image")
            case {"document": {"source": _} as document}:
                self._document(document)
                self._rest(block, "document")
            case {"toolResult": {"content": content} as answer}:
                self._content(content)
                self._rest(answer, "content")
                self._rest(block, "toolResult")
            case {"video": _} | {"audio": _}:
                self.tokens += LARGEST_INPUT
            case {"type": "image", "source": _}:
                self.tokens += MOST_IMAGE_TOKENS
                self._rest(block, "source")
            case {"type": "image_url", "image_url": _}:
                self.tokens += MOST_IMAGE_TOKENS
                self._rest(block, "image_url")
            case {"type": "document", "source": _}:
                self._document(block)
            case {"type": "tool_result", "content": content}:
                self._content(content)
                self._rest(block, "content")
            case _:
                self._json(block)

    def _document(self, document: dict[str, Any]) -> None:
        self._rest(document, "source")
        match document["source"]:
            case _ if "citations" in document:
                # It is cut into sentences, each with a mark.
                self.tokens += LARGEST_INPUT
            case {"bytes": str(encoded)} if document.get("format") in TEXT_FORMATS:
                self.tokens += len(encoded) * 3 // 4 * TEXT_FORMAT_BYTES
            case {"text": str(text)} | {"type": "text", "data": str(text)}:
                self.tokens += weight(text)
            case {"content": content}:
                self._content(content)
            case _:
                self.tokens += LARGEST_INPUT

    def _rest(self, block: dict[str, Any], known: str) -> None:
        if len(block) > 1:
            self._json({name: value for name, value in block.items() if name != known})

    def _json(self, node: Any) -> None:
        if isinstance(node, str):
            self.tokens += weight(node) * JSON_BYTES
        elif isinstance(node, dict):
            for name, value in node.items():
                self._mark(name)
                self.tokens += weight(name) * JSON_BYTES + PART_TOKENS
                self._json(value)
        elif isinstance(node, list):
            for value in node:
                self.tokens += PART_TOKENS
                self._json(value)
        else:
            self.tokens += len(str(node))

    def _mark(self, name: str) -> None:
        self.cached |= name in MARKS
        self.long |= name == LONG_MARK
