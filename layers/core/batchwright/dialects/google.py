"""What the shapes of Google's APIs share: every name has two spellings, and both are taken.

In a shape ``top_p`` is ``top_p`` in JSON, and ``top_p_`` is ``topP``.
"""

from typing import Any

from msgspec import Raw, Struct

from batchwright.dialects.jsonl import Shape, invalid

# The default of fields that are kept raw.
UNSAID = Raw()


def spelled(attribute: str) -> str:
    """Return how an attribute of a shape is spelled in JSON.

    >>> spelled("top_p"), spelled("top_p_")
    ('top_p', 'topP')
    """
    if not attribute.endswith("_"):
        return attribute
    first, *others = attribute[:-1].split("_")
    return first + "".join(map(str.title, others))


class Google(Shape, frozen=True, kw_only=True, rename=spelled):
    """Base of the shapes whose fields may be spelled in two ways."""

    def said(self, name: str) -> Any:
        """Return a field's value, however it was spelled; ``None`` where nothing was said."""
        value = getattr(self, f"{name}_")
        return getattr(self, name) if value is None else value

    def written(self, name: str) -> bytes:
        """Return what was said in a field that is kept raw, which cannot be ``None``; empty where nothing was."""
        value = getattr(self, f"{name}_")
        value = getattr(self, name) if value is UNSAID else value
        return b"" if value is UNSAID else text_of(value)


def text_of(raw: Raw) -> bytes:
    """Return raw JSON; empty where it was left out or is ``null``."""
    text = bytes(raw)
    return b"" if text == b"null" else text


def check_said_once(value: Any, at: str, record_id: str) -> None:
    """Refuse a field that stands there in both spellings: nobody could say which of the two counts."""
    if isinstance(value, list):
        for place, inner in enumerate(value):
            check_said_once(inner, f"{at}[{place}]", record_id)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            inner = getattr(value, name)
            if name.endswith("_") and _given(inner) and _given(getattr(value, name[:-1])):
                told = f"it is said as {spelled(name)}, too"
                raise invalid(f"{at}.{name[:-1]}", told, record_id)
            check_said_once(inner, f"{at}.{spelled(name)}", record_id)


def _given(value: Any) -> bool:
    return bool(text_of(value)) if isinstance(value, Raw) else value is not None
