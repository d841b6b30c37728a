"""What a contract asks of tables and documents: they bring no prompt of their own."""

from typing import Annotated

from pydantic import Field

from batchwright.written import Written


class Prompt(Written):
    """The prompt for tables: Jinja templates over a row's columns, and the column that holds the record's id."""

    system: str | None = None
    """What the model is told beforehand, a template."""
    user: Annotated[str, Field(min_length=1)]
    """What it is asked, a template: `{{ title }}` is the column `title`."""
    id: str = "id"
    """The column that names a record."""
