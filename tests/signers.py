"""A ledger's key that tests keep themselves; apart from the other fakes, since its library is large."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from batchwright.checkpoint import PublicKey


@dataclass
class KeptSigner:
    """Has a key of its own, the same for the same seed."""

    name: str = "batchwright/test"
    seed: int = 1

    def public_key(self) -> PublicKey:
        raw = self._key.public_key().public_bytes_raw()
        return PublicKey(self.name, raw)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed.to_bytes(32))
