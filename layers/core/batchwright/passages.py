"""The texts that a person or a model would read in a request's or an answer's body, found and replaced in place."""

from base64 import b64decode, b64encode
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Mapping
from copy import replace
from typing import Any

from batchwright.completion import Completion
from batchwright.media import BINARY, plain_name
from batchwright.request import Request


def _named(fields: str) -> frozenset[str]:
    return frozenset(fields.split())


# What the services' own words are, and what is no text: everything else is looked at, for what nobody thought of.
_WORDS = _named(
    """anthropic_beta anthropic_version bytes cachePoint cache_control created detail
    encoding_format finish_reason format id input_type media_type model mime_type name object
    redactedContent role s3Location service_tier signature status stop_reason stopReason
    stop_sequence system_fingerprint taskType task_type toolUseId tool_call_id tool_use_id
    truncate type uri"""
)
# Sound, and what a request says about tools and shapes, is no text of the conversation; in an answer the same words
# would be the model's.
_DEFINITIONS = _named(
    """additionalModelRequestFields embedding embeddings embedding_types functions guardrailConfig inferenceConfig
    inferenceParams input_audio outputConfig output_config parameters response_format stop stopSequences
    stop_sequences toolConfig tool_choice toolChoice tools usage vector"""
)
_ASKED = _WORDS | _DEFINITIONS
_NOTHING: frozenset[str] = frozenset()
# Below these, the names of fields are the model's own.
_FREE = frozenset(("arguments", "input", "json"))
# So are those of all entries of these lists, which Command reads.
_FREE_LISTS = frozenset(("documents", "tool_results"))
# Anthropic's ``data`` is a text, but for these.
_ENCODED = ("base64", "redacted_thinking")
# A shorter number identifies nobody.
_LONG_NUMBER = 10_000_000

type _Visit = Callable[[str], str]


def texts_asked(request: Request) -> list[str]:
    """Return every text of a request once, in order."""
    return _found(request.body, _ASKED)


def texts_answered(body: Any) -> list[str]:
    """Return every text of an answer once, in order; ``body`` are Converse's blocks, or a family's own answer."""
    return _found(body, _WORDS)


def body_of(completion: Completion) -> Any:
    """Return where an answer's texts are: in the family's own answer, or in Converse's blocks."""
    return completion.content if completion.native is None else completion.native


def request_with(body: dict[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return a request's body in which some texts are replaced by others."""
    replaced: dict[str, Any] = _replaced(body, texts, _ASKED)
    return replaced


def completion_with(completion: Completion, texts: Mapping[str, str]) -> Completion:
    """Return an answer in which some texts are replaced by others."""
    return replace(
        completion,
        content=_replaced(completion.content, texts, _WORDS),
        native=_replaced(completion.native, texts, _WORDS),
    )


def _found(body: Any, passed_over: frozenset[str]) -> list[str]:
    found: dict[str, None] = {}

    def visit(text: str) -> str:
        found[text] = None
        return text

    _walked(body, visit, passed_over)
    return [*found]


def _replaced(body: Any, texts: Mapping[str, str], passed_over: frozenset[str]) -> Any:
    return _walked(body, lambda text: texts.get(text, text), passed_over) if texts else body


def _walked(node: Any, visit: _Visit, passed_over: frozenset[str]) -> Any:
    """Rebuild a body; below a field of the model's own, nothing is passed over, and names are texts, too."""
    if isinstance(node, str):
        return visit(node) if node else node
    if isinstance(node, list):
        return [_walked(inner, visit, passed_over) for inner in node]
    if isinstance(node, dict):
        if not passed_over:
            return {visit(name): _walked(inner, visit, passed_over) for name, inner in node.items()}
        return {name: _field(name, inner, visit, passed_over, node) for name, inner in node.items()}
    if not passed_over and type(node) is int and abs(node) >= _LONG_NUMBER:
        written = str(node)
        seen = visit(written)
        return node if seen == written else seen
    return node


def _field(
    name: str, inner: Any, visit: _Visit, passed_over: frozenset[str], beside: dict[str, Any]
) -> Any:
    if name in (_FREE_LISTS if isinstance(inner, list) else _FREE):
        return _walked(inner, visit, _NOTHING)
    if name == "document" and isinstance(inner, dict):
        return _document(inner, visit, passed_over)
    if name == "data" and beside.get("type") in _ENCODED:
        return inner
    if name in passed_over and (name in _DEFINITIONS or not isinstance(inner, dict | list)):
        return inner
    if name == "url" and isinstance(inner, str) and inner.startswith("data:"):
        return inner
    return _walked(inner, visit, passed_over)


def _document(
    document: dict[str, Any], visit: _Visit, passed_over: frozenset[str]
) -> dict[str, Any]:
    """Rebuild a document of Converse: its name is somebody's words, and the bytes of a text are a text."""
    made = {
        name: _field(name, inner, visit, passed_over, document) for name, inner in document.items()
    }
    match document:
        case {"name": str(name)} if (seen := visit(name)) != name:
            made["name"] = plain_name(seen)
    match document:
        case {"source": {"bytes": str(encoded)}} if document.get("format") not in BINARY:
            made["source"]["bytes"] = _encoded(encoded, visit)
    return made


def _encoded(encoded: str, visit: _Visit) -> str:
    """Rebuild a text in base64; what is none, no service takes."""
    try:
        text = _read(b64decode(encoded))
    except ValueError:
        return encoded
    seen = visit(text)
    return encoded if seen == text else b64encode(seen.encode()).decode()


def _read(content: bytes) -> str:
    """Return a text, however its letters are written; zeros, which tell of two bytes a letter, would hide it."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text.replace("\0", "")
