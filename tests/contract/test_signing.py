"""Our signer against botocore's: the same signature for whatever is asked, whenever, by whomever."""

from datetime import UTC, datetime
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from batchwright.aws.signing import Signer

HOST = "bedrock-runtime.eu-central-1.amazonaws.com"
VISIBLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)
WORDS = st.text("ABCdef012/+", min_size=1, max_size=40)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - told to be UTC's below
    lambda time: time.replace(tzinfo=UTC, microsecond=0)
)


@given(
    model=st.text(min_size=3, max_size=40),
    headers=st.fixed_dictionaries({"Content-Type": VISIBLE}, optional={"X-Odd": VISIBLE}),
    body=st.binary(min_size=1, max_size=300),
    credentials=st.builds(Credentials, WORDS, WORDS, st.none() | WORDS),
    at=TIMES,
)
def test_the_signature_is_that_of_botocore(
    model: str, headers: dict[str, str], body: bytes, credentials: Credentials, at: datetime
) -> None:
    path = f"/model/{quote(model, safe='')}/converse"
    signer = Signer(
        credentials, service="bedrock", region="eu-central-1", host=HOST, seconds=at.timestamp
    )

    signed = signer.signed(path, headers, body)

    assert signed["Authorization"] == by_botocore(path, headers, body, credentials, at)
    assert signed.get("X-Amz-Security-Token") == credentials.token


def by_botocore(
    path: str, headers: dict[str, str], body: bytes, credentials: Credentials, at: datetime
) -> str:
    request = AWSRequest("POST", f"https://{HOST}{path}", headers, body)
    request.context["timestamp"] = request.headers["X-Amz-Date"] = at.strftime("%Y%m%dT%H%M%SZ")
    if credentials.token:
        request.headers["X-Amz-Security-Token"] = credentials.token
    signer = SigV4Auth(credentials.get_frozen_credentials(), "bedrock", "eu-central-1")
    canonical = signer.canonical_request(request)
    proof = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={proof}"


def test_a_new_day_and_new_credentials_are_signed_with_a_new_key() -> None:
    day = [1_750_000_000.0]
    proofs = set()
    for secret in ("one", "two"):
        for _ in range(2):
            signer = Signer(
                Credentials("id", secret),
                service="bedrock",
                region="us-east-1",
                host=HOST,
                seconds=lambda: day[0],
            )
            proofs.add(signer.signed("/", {}, b"{}")["Authorization"].rpartition("=")[2])
            day[0] += 86_400
    assert len(proofs) == 4
