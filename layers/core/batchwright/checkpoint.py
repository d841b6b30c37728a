"""Checkpoints: how large the ledger was and what its root, as a signed note that others' tools can check, too.

The text is that of c2sp.org/tlog-checkpoint, the signature that of c2sp.org/signed-note, with Ed25519.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from batchwright.merkle import HASH

ED25519 = b"\x01"
# RFC 8410: what stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo.
DER_PREFIX = bytes.fromhex("302a300506032b6570032100")
KEY_SIZE = 32
SIGNATURE_SIZE = 64
ID_SIZE = 4
_NAME = re.compile(r"[^\s+\x00-\x1f]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")

type Verifies = Callable[[bytes, bytes, bytes], bool]
"""Whether (a public key, a signature, a message) go together."""


class CheckpointInvalid(ValueError):
    """A text that is no checkpoint, or none of this ledger's; the message says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who signs a ledger: a name, which is the ledger's origin, and an Ed25519 key of 32 bytes."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name the key."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:ID_SIZE]

    def __str__(self) -> str:
        """Write it as signed notes' tools want it: ``name+id+key``."""
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.key).decode()}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what :meth:`__str__` writes; raises :class:`CheckpointInvalid`."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            content = b64decode(encoded, validate=True)
        except binascii.Error:
            content = b""
        found = cls(name, content[1:])
        if not _NAME.fullmatch(name) or len(found.key) != KEY_SIZE or content[:1] != ED25519:
            raise CheckpointInvalid("it is no public key of a ledger: name+id+key is wanted")
        if found.id.hex() != key_id:
            raise CheckpointInvalid("the public key's id is not that of its name and key")
        return found

    @classmethod
    def of_der(cls, name: str, content: bytes) -> Self:
        """Read a key as KMS tells it, which knows no name; raises :class:`CheckpointInvalid`."""
        key = content.removeprefix(DER_PREFIX)
        if len(content) != len(DER_PREFIX) + KEY_SIZE or len(key) != KEY_SIZE:
            raise CheckpointInvalid("it is no Ed25519 key: ECC_NIST_EDWARDS25519 is wanted")
        return cls(name, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How large a ledger was, and what its root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return what is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n".encode()

    def signed(self, key: PublicKey, sign: Callable[[bytes], bytes]) -> str:
        """Return the signed note; ``sign`` has the private key."""
        text = self.text()
        signature = b64encode(key.id + sign(text)).decode()
        return f"{text.decode()}\n\N{EM DASH} {key.name} {signature}\n"


def read_checkpoint(note: str, key: PublicKey, verifies: Verifies) -> Checkpoint:
    """Read a signed note; raises :class:`CheckpointInvalid` where it is not signed with ``key``."""
    told = unverified(note)
    text, _, signatures = note.rpartition("\n\n")
    message = f"{text}\n".encode()
    if not any(_is_signed(line, message, key, verifies) for line in signatures.splitlines()):
        raise CheckpointInvalid(f"it is not signed with the key {key.id.hex()} of {key.name}")
    if told.origin != key.name:
        raise CheckpointInvalid("it is of another ledger than its key")
    return told


def unverified(note: str) -> Checkpoint:
    """Read a signed note, whoever signed it; raises :class:`CheckpointInvalid`."""
    lines = note.rpartition("\n\n")[0].split("\n")
    if len(lines) != 3 or not _SIZE.fullmatch(lines[1]):  # noqa: PLR2004 - origin, size and root
        raise CheckpointInvalid("it is no checkpoint: origin, size and root are wanted")
    try:
        root = b64decode(lines[2], validate=True)
    except binascii.Error:
        root = b""
    if len(root) != HASH:
        raise CheckpointInvalid("its root is no SHA-256 in base64")
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root)


def _is_signed(line: str, text: bytes, key: PublicKey, verifies: Verifies) -> bool:
    start, _, encoded = line.rpartition(" ")
    if start != f"\N{EM DASH} {key.name}":
        return False
    try:
        content = b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    key_id, signature = content[:ID_SIZE], content[ID_SIZE:]
    return (
        key_id == key.id and len(signature) == SIGNATURE_SIZE and verifies(key.key, signature, text)
    )
