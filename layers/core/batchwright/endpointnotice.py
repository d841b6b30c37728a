"""What SageMaker notifies of an asynchronous call, and the labels by which we know whose it is
(docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html).
"""

import re
from typing import Any, NamedTuple

from batchwright.submission import NAME

SOURCE = "aws:sagemaker"
# A call for all records of a submission, a line each.
WHOLE = "all"
LABEL = re.compile(rf"({NAME}[0-9a-z]+-\d{{2,}}-\d{{6,}})-(\d{{1,11}}|{WHOLE})")


class Notice(NamedTuple):
    """Something came of a call, success or not."""

    submission: str
    record: int | None
    """Its index; ``None`` where it was for all of them."""


def inference_id(submission: str, index: int | None) -> str:
    """Return a call's label: it tells the submission and the record, the same however often the call is made.

    >>> inference_id("bw-ab-00-000003", 17), inference_id("bw-ab-00-000003", None)
    ('bw-ab-00-000003-17', 'bw-ab-00-000003-all')
    """
    return f"{submission}-{WHOLE if index is None else index}"


def notice_in(told: Any) -> Notice | None:
    """Return what a notification speaks of, if it is about a call of ours that has ended.

    >>> notice_in({"eventSource": "aws:sagemaker", "inferenceId": "bw-ab-00-000003-17"})
    Notice(submission='bw-ab-00-000003', record=17)
    """
    if not isinstance(told, dict) or told.get("eventSource") != SOURCE:
        return None
    found = LABEL.fullmatch(str(told.get("inferenceId")))
    if found is None:
        return None
    return Notice(found[1], None if found[2] == WHOLE else int(found[2]))
