"""Export: a table job's answers beside their source rows, as one file that other tools open."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from batchwright.cli.csvfile import write_csv
from batchwright.cli.results import whole
from batchwright.cli.tables import Joined, survey
from batchwright.ports import Objects


class Format(StrEnum):
    """The files that a table can be written as."""

    CSV = "csv"
    PARQUET = "parquet"


def export(job_id: str, form: Format, places: Mapping[str, str], objects: Objects) -> str | None:
    """Write a job's table beside the files that were brought, and return where; a refused job has none.

    Raises :class:`Halt` where the job is not of a table.
    """
    if "outcomes" not in places:
        return None
    rows = Joined(job_id, places)
    layout = survey(rows)
    place = Path(places["outcomes"]).with_name(f"results.{form}")
    with whole(place) as part:
        if form is Format.CSV:
            write_csv(layout, rows, part)
        else:
            from batchwright.cli import parquetfile  # noqa: PLC0415 - pyarrow costs the command's start

            schema = parquetfile.schema_of(job_id, objects)
            parquetfile.write_parquet(layout, rows, part, schema)
    return str(place)
