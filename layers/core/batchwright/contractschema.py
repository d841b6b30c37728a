"""The JSON Schema of contracts, for editors: what the file may say, told where it is written."""

from typing import Any

from batchwright.contract import Contract

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NOTHING = {"type": "null"}


def contract_schema() -> dict[str, Any]:
    """Return the schema. It is a little wider than the reader, which also holds fields against each other."""
    schema: dict[str, Any] = _plain(Contract.model_json_schema())
    del schema["$defs"]["Route"]["required"]  # an endpoint stands for its model
    entry = schema["$defs"]["FilterEntry"]
    entry["minProperties"] = entry["maxProperties"] = 1
    return {"$schema": DIALECT, "title": "A contract of Batchwright", **schema}


def _plain(node: Any) -> Any:
    """Leave out what editors would only show as noise: titles made from names, and that a field may be null."""
    if isinstance(node, list):
        return [_plain(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    if _NOTHING in node.get("anyOf", ()):
        kinds = [kind for kind in node["anyOf"] if kind != _NOTHING]
        rest = {name: inner for name, inner in node.items() if name not in {"anyOf", "default"}}
        node = rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
    if isinstance(node.get("description"), str):
        node = node | {"description": node["description"].replace("``", "`")}
    return {
        name: _plain(inner)
        for name, inner in node.items()
        if name != "title" or not isinstance(inner, str)
    }
