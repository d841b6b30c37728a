"""As much of KMS on loopback as the ledger's key needs: moto knows no Ed25519 keys."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any

from batchwright.checkpoint import DER_PREFIX
from tests.loopback import Answer, answering
from tests.signers import KeptSigner

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


def answer(operation: str, asked: dict[str, Any], signer: KeptSigner) -> tuple[int, dict[str, Any]]:
    """Answer as KMS does (docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html)."""
    if asked.get("KeyId") != KEY_ID:
        return 400, {"__type": "NotFoundException", "message": "no such key"}
    if operation == "GetPublicKey":
        content = DER_PREFIX + signer.public_key().key
        return 200, {"KeyId": KEY_ID, "PublicKey": b64encode(content).decode()}
    if (asked["MessageType"], asked["SigningAlgorithm"]) != ("RAW", "ED25519_SHA_512"):
        return 400, {"__type": "ValidationException", "message": "not of this key"}
    signature = signer.sign(b64decode(asked["Message"]))
    return 200, {"KeyId": KEY_ID, "Signature": b64encode(signature).decode()}


@contextmanager
def served(signer: KeptSigner) -> Iterator[str]:
    """Serve it, and yield its address."""

    def told(headers: Message, asked: bytes) -> Answer:
        operation = headers["X-Amz-Target"].partition(".")[2]
        status, said = answer(operation, json.loads(asked), signer)
        return Answer(status, "application/x-amz-json-1.1", json.dumps(said).encode())

    with answering(told) as url:
        yield url
