"""The seal of a job: its end stands in the ledger, and a signed checkpoint of the ledger covers it.

Every step can be repeated: the entry is made once, the checkpoint says the same whenever it is signed, and files that
stand are left as they are.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from batchwright.checkpoint import Checkpoint
from batchwright.errors import AlreadyExists, BatchwrightError
from batchwright.growth import broken
from batchwright.ledger import Appended, Entry
from batchwright.places import PUBLIC_KEY, signed_checkpoint_key
from batchwright.ports import Ledger, Objects, Signer

SEAL = "seal.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """An entry of the ledger, its proof, and the signed checkpoint that the proof leads to."""

    appended: Appended
    checkpoint: str | None
    """``None`` where it was not signed, since the ledger did not only grow."""
    unsigned: str | None
    """Why it was not."""
    public_key: str
    uncopied: int
    """How many of the buckets did not take the checkpoint."""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``seal.json`` holds it."""
        return {
            "entry": orjson.loads(self.appended.content),
            "number": self.appended.number,
            "size": self.appended.size,
            "proof": [each.hex() for each in self.appended.proof],
            "checkpoint": self.checkpoint,
            **({"unsigned": self.unsigned} if self.unsigned else {}),
            "public_key": self.public_key,
        }


def sealed(entry: Entry, ledger: Ledger, signer: Signer, buckets: Sequence[Objects]) -> Seal:
    """Append an entry to the ledger, and publish a signed checkpoint that covers it; the first bucket must take it.

    A further one that does not keeps no job from its end: it is told in the seal, and the next checkpoint that it
    takes covers the entry, too. Nor does a ledger that is not as it was signed before: nothing is signed then.
    """
    appended = ledger.append(entry)
    key = signer.public_key()
    if unsigned := broken(appended, ledger, buckets[0]):
        return Seal(
            appended=appended,
            checkpoint=None,
            unsigned=unsigned,
            public_key=str(key),
            uncopied=0,
        )
    checkpoint = Checkpoint(origin=key.name, size=appended.size, root=appended.root)
    note = checkpoint.signed(key, signer.sign)
    with suppress(AlreadyExists):
        buckets[0].create(PUBLIC_KEY, f"{key}\n".encode())
    uncopied = 0
    for number, bucket in enumerate(buckets):
        try:
            with suppress(AlreadyExists):
                bucket.create(signed_checkpoint_key(appended.size), note.encode())
        except BatchwrightError:
            if number == 0:
                raise
            uncopied += 1
    return Seal(
        appended=appended,
        checkpoint=note,
        unsigned=None,
        public_key=str(key),
        uncopied=uncopied,
    )
