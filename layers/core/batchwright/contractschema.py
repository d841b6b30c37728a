"""The JSON Schema of contracts, for editors: what the file may say, told where it is written."""

import ast
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from batchwright.contract import Contract

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NOTHING = {"type": "null"}


def contract_schema() -> dict[str, Any]:
    """Return the schema. It is a little wider than the reader, which also holds fields against each other."""
    schema: dict[str, Any] = _plain(Contract.model_json_schema(schema_generator=_Told))
    del schema["$defs"]["Route"]["required"]  # an endpoint stands for its model
    entry = schema["$defs"]["FilterEntry"]
    entry["minProperties"] = entry["maxProperties"] = 1
    return {"$schema": DIALECT, "title": "A contract of Batchwright", **schema}


class _Told(GenerateJsonSchema):
    """Tells fields by the docstrings under them.

    pydantic can do so itself (``use_attribute_docstrings``), but reads every class's source for it at every cold start.
    """

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        model: type[BaseModel] = schema["cls"]
        told = super().model_schema(schema)
        for name, doc in _docstrings(model).items():
            told["properties"][model.model_fields[name].alias or name]["description"] = doc
        return told


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return what stands under a model's fields, and under those of the models that it is made from."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if not issubclass(each, BaseModel) or each is BaseModel:
            continue
        (definition,) = ast.parse(dedent(getsource(each))).body
        assert isinstance(definition, ast.ClassDef)  # noqa: S101 - a class's source is a class
        for field, below in pairwise(definition.body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(doc))),
                ) if name in model.model_fields:
                    found[name] = cleandoc(doc)
    return found


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
