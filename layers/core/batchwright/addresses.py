"""``s3://`` addresses from outside: which places are read, and which can never be."""

from batchwright.errors import RecordInvalid, Refused
from batchwright.media import S3_ADDRESS
from batchwright.places import INBOX, UPLOADS
from batchwright.record import Record


def check_place(bucket: str, key: str, *, ours: str, copy_to: str) -> None:
    """Raise :class:`Refused` where an object is not in our bucket, or where nobody's files are."""
    if bucket != ours:
        raise Refused(
            "foreign_bucket", f"only bucket {ours!r} is read; copy the file to its {copy_to}"
        )
    if not key.startswith((INBOX, UPLOADS)):
        raise Refused("foreign_key", f"only objects under {INBOX} and {UPLOADS} are read")


def keys_of(record: Record, ours: str) -> tuple[str, ...]:
    """Return the keys of a record's attachments; raises :class:`RecordInvalid` for one that can never be fetched."""
    return tuple(
        _key_of(address, number, record.record_id, ours)
        for number, address in enumerate(record.attachments)
    )


def named(number: int) -> str:
    """Return what an attachment is called where it is told: the address is the user's own text."""
    return f"attachments[{number}]"


def _key_of(address: str, number: int, record_id: str, ours: str) -> str:
    param = named(number)
    if S3_ADDRESS.fullmatch(address) is None:
        told = f"{param}: this is no s3:// address of an object"
        raise RecordInvalid("invalid_request", told, param=param, record_id=record_id)
    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        check_place(bucket, key, ours=ours, copy_to=UPLOADS)  # in the inbox it would become a job
    except Refused as refusal:
        told = f"{param}: {refusal}"
        raise RecordInvalid(refusal.code, told, param=param, record_id=record_id) from None
    return key
