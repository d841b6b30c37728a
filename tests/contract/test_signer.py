"""What a ledger's signer must do: the same with a key in memory and with one in KMS."""

from collections.abc import Iterator

import boto3
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from batchwright.aws.signer import KmsSigner
from batchwright.checkpoint import DER_PREFIX
from batchwright.cli.signatures import verifies
from batchwright.errors import Missing
from batchwright.ports import Signer
from tests import kms
from tests.signers import KeptSigner

KEPT = KeptSigner(name="batchwright/here", seed=5)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with kms.served(KEPT) as address:
        yield address


@pytest.fixture(params=["memory", "kms"])
def signer(request: pytest.FixtureRequest) -> Signer:
    if request.param == "memory":
        return KEPT
    address = request.getfixturevalue("address")
    client = boto3.client("kms", region_name="us-east-1", endpoint_url=address)
    return KmsSigner(client, kms.KEY_ID, KEPT.name)


def test_its_signatures_hold_under_its_public_key(signer: Signer) -> None:
    key = signer.public_key()
    assert key.name == "batchwright/here"
    assert verifies(key.key, signer.sign(b"hello\n"), b"hello\n")
    assert not verifies(key.key, signer.sign(b"hello\n"), b"hello")


def test_a_key_that_is_gone_is_told(address: str) -> None:
    client = boto3.client("kms", region_name="us-east-1", endpoint_url=address)
    with pytest.raises(Missing):
        KmsSigner(client, "other", "x").public_key()


def test_the_form_of_the_key_is_that_of_rfc_8410() -> None:
    key = load_der_public_key(DER_PREFIX + KEPT.public_key().key)
    assert key.public_bytes_raw() == KEPT.public_key().key  # type: ignore[union-attr]
