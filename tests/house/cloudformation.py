"""Reading template.yaml: as it is written, as CloudFormation gets it, and piece by piece."""

import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

type Template = dict[str, Any]
type Statement = dict[str, Any]

ROOT = Path(__file__).parents[2]
# What DynamoDB is told of a table, besides its name.
TABLE = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
ROLES = {"AWS::IAM::Role", "AWS::IAM::Policy"}


def read() -> Template:
    """template.yaml, intrinsics in their long form."""
    return copy.deepcopy(_parsed())


@cache
def _parsed() -> Template:
    """It takes most of a second, and many tests read it."""
    written: Template = yaml_parse((ROOT / "template.yaml").read_text())
    return written


def expand(written: Template) -> Template:
    """What the SAM transform makes of it. The code that SAM CLI would upload is named, not read."""
    uploaded = copy.deepcopy(written)
    parts = [resource["Properties"] for resource in uploaded["Resources"].values()]
    for part in (*parts, uploaded["Globals"]["Function"]):
        for uri in {"CodeUri", "ContentUri", "DefinitionUri"} & part.keys():
            part[uri] = "s3://uploads/code"
    session = boto3.Session(region_name="us-east-1")
    translator = Translator({}, Parser(), boto_session=session)  # no managed policies: none is used
    expanded: Template = translator.translate(uploaded, parameter_values={})
    return expanded


def shown(value: Any) -> str:
    """An intrinsic as Fn::Sub would write it.

    >>> shown({"Fn::GetAtt": ["Bucket", "Arn"]}), shown({"Ref": "Key"}), shown("plain")
    ('${Bucket.Arn}', '${Key}', 'plain')
    """
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": text}:
            return str(text)
        case _:
            return str(value)


def each(value: Any) -> list[Any]:
    """One thing or many, as many."""
    return value if isinstance(value, list) else [value]


def of_type(template: Template, *types: str) -> dict[str, Any]:
    """The properties of every resource of these types, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] in types
    }


def statements(value: Any) -> Iterator[Statement]:
    """Every policy statement below here."""
    match value:
        case {"Effect": _, "Action": _}:
            yield value
        case dict():
            for part in value.values():
                yield from statements(part)
        case list():
            for part in value:
                yield from statements(part)


def role_statements(template: Template) -> Iterator[tuple[str, Statement]]:
    """Every statement that gives something to a role, with the role's logical id."""
    for name, properties in of_type(template, "AWS::IAM::Role").items():
        yield from ((name, found) for found in statements(properties.get("Policies", [])))
    for properties in of_type(template, "AWS::IAM::Policy").values():
        for role in properties["Roles"]:
            yield from ((role["Ref"], found) for found in statements(properties["PolicyDocument"]))


def names_used(value: Any) -> set[str]:
    """Every parameter and resource that intrinsics below here name."""
    match value:
        case {"Ref": str(name)}:
            return {name}
        case {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case {"Fn::Sub": str(text)}:
            return {name.partition(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", text)}
        case dict():
            return set().union(*map(names_used, value.values()))
        case list():
            return set().union(*map(names_used, value))
        case _:
            return set()


def number(value: Any, template: Template, given: dict[str, str]) -> int:
    """A number, or the number that a parameter has: given, or by default."""
    if isinstance(value, dict):
        name = value["Ref"]
        return int(given.get(name, template["Parameters"][name]["Default"]))
    return int(value)


def with_change(template: Template, place: str, value: object) -> Template:
    """A copy that is different in one place: a resource, then the way into its properties."""
    changed = copy.deepcopy(template)
    name, *way, last = place.split(".")
    part = changed["Resources"][name]["Properties"]
    for step in way:
        part = part[int(step)] if isinstance(part, list) else part[step]
    part[int(last) if isinstance(part, list) else last] = value
    return changed


@cache
def table_of(name: str) -> dict[str, Any]:
    """What DynamoDB is told of one of the template's tables, without its name."""
    table = of_type(read(), "AWS::DynamoDB::Table")[name]
    return {part: table[part] for part in TABLE if part in table}
