"""What AWS and botocore say, turned into advice."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name for it
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

LAPTOP = "on the laptop: source .local/env"
SIGN_IN = f"sign in again (aws sso login, or new keys), or {LAPTOP}"
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
UNKNOWN_KEYS = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}


def advice(fault: Exception) -> str | None:
    """Return what to do about a fault of botocore's, ``None`` where it is nobody's of those."""
    match fault:
        case ClientError():
            return _of_aws(fault)
        case BotoCoreError():
            return _of_botocore(fault)
    return None


def _of_aws(fault: ClientError) -> str:
    error = fault.response.get("Error", {})
    code, operation = error.get("Code", "Unknown"), fault.operation_name
    if code in EXPIRED:
        return f"the AWS credentials have expired; {SIGN_IN}"
    if code in UNKNOWN_KEYS:
        return f"AWS does not know these credentials ({code}); {SIGN_IN}"
    if code in FORBIDDEN:
        return f"AWS does not let you call {operation}; ask for that permission"
    return f"AWS says {code} to {operation}: {error.get('Message', '')}"


def _of_botocore(fault: BotoCoreError) -> str:
    match fault:
        case NoRegionError():
            return f"no AWS Region is set; export AWS_REGION, or {LAPTOP}"
        case NoCredentialsError() | PartialCredentialsError() | CredentialRetrievalError():
            return f"there are no AWS credentials; run aws configure or aws sso login, or {LAPTOP}"
        case SSOError() | TokenRetrievalError():
            return "the AWS sign-in has expired; run aws sso login"
        case ProfileNotFound():
            return f"{fault}; see AWS_PROFILE"
        case ConnectionError() | HTTPClientError():
            place = fault.kwargs.get("endpoint_url") or "AWS"
            return f"{place} cannot be reached; check the network, or on the laptop run: make up"
    return str(fault)
