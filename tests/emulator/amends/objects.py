"""A range of a pinned version is that range; ministack answers with the whole version."""

from collections.abc import Callable
from typing import Any

from ministack.services import s3

from tests.emulator.amends import amend

type Response = tuple[int, dict[str, str], Any]


@amend(s3, "_get_object")
def _(get: Callable[..., Response]) -> Callable[..., Response]:
    def get_range(bucket: str, key: str, headers: dict[str, str], query: Any = None) -> Response:
        wanted = headers.get("range")
        if not wanted or not s3._qp(query or {}, "versionId", ""):
            return get(bucket, key, headers, query)
        # The checksum is the whole object's: beside a part of it, clients rightly call it wrong.
        whole = {
            name: value
            for name, value in headers.items()
            if name not in ("range", "x-amz-checksum-mode")
        }
        status, answered, body = get(bucket, key, whole, query)
        return (
            cut(wanted, bucket, key, answered, body) if status == 200 else (status, answered, body)
        )

    return get_range


def cut(wanted: str, bucket: str, key: str, headers: dict[str, str], body: bytes) -> Response:
    """Return the part of a whole answer that a Range header asks for."""
    found = s3._parse_range(wanted, len(body))
    if found is None:
        refused = {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}
        return 416, refused, s3._xml_body(s3._range_error_xml(bucket, key))
    start, end = found
    part = body[start : end + 1]
    span = {"Content-Length": str(len(part)), "Content-Range": f"bytes {start}-{end}/{len(body)}"}
    return 206, {**headers, **span}, part
