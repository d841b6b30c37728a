"""What the dialects that are JSON lines share."""

from typing import Any

import orjson

from batchwright.errors import RecordInvalid
from batchwright.lines import LONGEST_LINE, Line


def read_object(line: Line) -> dict[str, Any]:
    """Return the JSON object on a line.

    Raises :class:`RecordInvalid` ``line_too_long`` or ``invalid_json_line``. NaN, lone surrogates, invalid UTF-8 and
    nesting deeper than 1,024 are not JSON here.
    """
    if line.content is None:
        raise RecordInvalid(
            "line_too_long", f"line {line.number} is longer than {LONGEST_LINE:,} bytes"
        )
    try:
        fields = orjson.loads(line.content)
    except orjson.JSONDecodeError as fault:
        # Its words name a place and never quote the line.
        raise RecordInvalid(
            "invalid_json_line", f"line {line.number} is not JSON: {fault.msg}"
        ) from None
    if not isinstance(fields, dict):
        raise RecordInvalid("invalid_json_line", f"line {line.number} is JSON, but not an object")
    try:
        orjson.dumps(fields)
    except orjson.JSONEncodeError:
        # It reads deeper than it writes, and the answer may have to repeat the line.
        raise RecordInvalid("invalid_json_line", f"line {line.number} is nested too deep") from None
    return fields
