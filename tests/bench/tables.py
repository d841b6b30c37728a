"""The tables of the template."""

from typing import Any

from tests.house import cloudformation

WANTED = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


def table_of(name: str) -> dict[str, Any]:
    """Return what DynamoDB is told of a table, without its name."""
    table = cloudformation.of_type(cloudformation.read(), "AWS::DynamoDB::Table")[name]
    return {part: table[part] for part in WANTED if part in table}
