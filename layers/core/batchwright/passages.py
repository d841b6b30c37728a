"""The texts that a person or a model would read in a request's or an answer's body, found and replaced in place."""

from collections.abc import Callable, Mapping
from copy import replace
from typing import Any

from batchwright.completion import Completion
from batchwright.request import Request


def _named(fields: str) -> frozenset[str]:
    return frozenset(fields.split())


# What the services' own words are, and what is no text: everything else is looked at, for what nobody thought of.
_WORDS = _named(
    """anthropic_beta anthropic_version bytes cachePoint cache_control created data detail
    encoding_format finish_reason format id input_type media_type model mime_type name object
    redactedContent role s3Location service_tier signature status stop_reason stopReason
    stop_sequence system_fingerprint taskType task_type toolUseId tool_call_id tool_use_id
    truncate type uri"""
)
# What a request says about tools and shapes is no conversation; in an answer the same words would be the model's.
_DEFINITIONS = _named(
    """additionalModelRequestFields embedding embeddings embedding_types functions guardrailConfig inferenceConfig
    inferenceParams outputConfig output_config parameters response_format stop stopSequences
    stop_sequences toolConfig tool_choice toolChoice tools usage vector"""
)
_ASKED = _WORDS | _DEFINITIONS
_NOTHING: frozenset[str] = frozenset()
# Below these, the names of fields are the model's own.
_FREE = frozenset(("arguments", "input", "json"))
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
        return {name: _field(name, inner, visit, passed_over) for name, inner in node.items()}
    if not passed_over and type(node) is int and abs(node) >= _LONG_NUMBER:
        written = str(node)
        seen = visit(written)
        return node if seen == written else seen
    return node


def _field(name: str, inner: Any, visit: _Visit, passed_over: frozenset[str]) -> Any:
    if name in _FREE and isinstance(inner, dict):
        return _walked(inner, visit, _NOTHING)
    if name in passed_over and (name in _DEFINITIONS or not isinstance(inner, dict | list)):
        return inner
    if name == "url" and isinstance(inner, str) and inner.startswith("data:"):
        return inner
    return _walked(inner, visit, passed_over)
