"""Checking Ed25519 signatures; only the command does, so only it carries what that needs."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def verifies(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature is that of a message by a public key of 32 bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
