"""The ledger's key, in KMS: an Ed25519 key that never leaves it
(docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html).
"""

from typing import TYPE_CHECKING

from batchwright.aws.faults import told
from batchwright.checkpoint import PublicKey

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


class KmsSigner:
    """Signs with a key in KMS."""

    def __init__(self, client: "KMSClient", key_id: str, name: str) -> None:
        """``name`` is the ledger's origin."""
        self._kms = client
        self._key_id = key_id
        self._name = name
        self._public: PublicKey | None = None

    def public_key(self) -> PublicKey:
        """Return whose signatures these are."""
        if self._public is None:
            with told("read of the ledger's public key"):
                content = self._kms.get_public_key(KeyId=self._key_id)["PublicKey"]
            self._public = PublicKey.of_der(self._name, content)
        return self._public

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a message."""
        with told("signature of a checkpoint"):
            return self._kms.sign(
                KeyId=self._key_id,
                Message=message,
                MessageType="RAW",
                SigningAlgorithm="ED25519_SHA_512",
            )["Signature"]
