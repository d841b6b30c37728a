"""What the bench of one worker asks, and so hears from the model host, and what both sides hold it to."""

import json
from typing import Any

TEAMS = ("billing", "delivery", "returns")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "ticket": {"type": "string", "pattern": "^[0-9]{6}$"},
        "team": {"enum": list(TEAMS)},
        "urgent": {"type": "boolean"},
        "summary": {"type": "string", "minLength": 1, "maxLength": 200},
    },
    "required": ["ticket", "team", "urgent", "summary"],
    "additionalProperties": False,
}
SUMMARY = (
    "The parcel was not at the door when the customer came home, and the driver wrote that it was."
    " Look where it went, and send another one if nobody knows."
)
# In our contract's words: the schema, every kind of personal data that is precise, and every key that is known.
FILTERS: dict[str, Any] = {
    "output": [{"schema": {"schema": SCHEMA}}, {"pii": "redact"}, {"secrets": "block"}]
}


def triage_of(number: int) -> str:
    """Return an answer that fits, of a little less than 64 tokens as the host counts them, and holds nothing personal.

    >>> len(triage_of(7))
    223
    """
    fields = {
        "ticket": f"{number:06d}",
        "team": TEAMS[number % 3],
        "urgent": not number % 5,
        "summary": SUMMARY,
    }
    return json.dumps(fields)
