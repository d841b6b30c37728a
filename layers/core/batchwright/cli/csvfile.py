"""CSV: RFC 4180 in UTF-8, lines ended by CRLF, and no cell that a spreadsheet would run as a formula."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from batchwright.cli.tables import Layout, Row, text_of

# owasp.org/www-community/attacks/CSV_Injection: also behind what a spreadsheet may drop, and in full width.
FORMULA = re.compile("[\\s\\0\ufeff\u200b\"'`]*[=+\\-@\t\r\n\\0\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def write_csv(layout: Layout, rows: Iterable[Row], place: Path) -> None:
    """Write a table; what is no string is written as JSON, and nothing as an empty cell."""
    with place.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(map(defused, layout.names()))
        for row in rows:
            writer.writerow(defused(text_of(cell)) for cell in layout.cells(row))


def defused(cell: str) -> str:
    """Return a cell as a spreadsheet may have it: an apostrophe goes before what it would run.

    Taking one apostrophe away again gives back what stood there, so different names of columns stay different.

    >>> defused("=1+1"), defused("-5"), defused("plain"), defused("'=1+1")
    ("'=1+1", '-5', 'plain', "''=1+1")
    """
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell
