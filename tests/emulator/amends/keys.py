"""What lies encrypted under a key of the account is only read and written by whom the key and IAM allow.

On AWS it is S3 and SQS that ask KMS, as the caller. ministack notes the key of a queue and asks nobody; the key of a
bucket it does not even take from the template. (Not amended: DynamoDB and CloudWatch Logs.)
"""

from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.services import kms, s3, sqs
from ministack.services.cloudformation import provisioners

from tests.emulator.amends import amend

READ, WRITE = "kms:Decrypt", "kms:GenerateDataKey"
ASKED_OF_THE_KEY = {
    "s3:GetObject": [READ],
    "s3:GetObjectVersion": [READ],
    "s3:PutObject": [WRITE],
    "sqs:SendMessage": [WRITE, READ],
    "sqs:ReceiveMessage": [READ],
}


def key_of(resource: str) -> str | None:
    """Return the ARN of the customer key that a bucket or queue is encrypted under."""
    service, name = resource.split(":")[2], resource.rsplit(":", maxsplit=1)[-1]
    if service == "s3":
        headers = s3._bucket_default_sse_headers(name.partition("/")[0])
        named = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    else:
        queue = sqs._queue_by_arn(resource) or {"attributes": {}}
        named = queue["attributes"].get("KmsMasterKeyId")
    key = kms._resolve_key(named) if named else None
    return key["Arn"] if key else None


def asked_of_the_key(action: str, resource: str) -> list[tuple[str, str]]:
    """Return the actions, and the key they are on, that an action on a resource brings along."""
    actions = ASKED_OF_THE_KEY.get(action, [])
    key = key_of(resource) if actions and resource.startswith("arn:") else None
    return [(needed, key) for needed in actions] if key else []


@amend(iam_evaluator, "enforce")
def _(enforce: Callable[..., Any]) -> Callable[..., Any]:
    def enforce_with_keys(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        **rest: Any,
    ) -> Any:
        denied = enforce(access_key, action, service, region, resource_arn, **rest)
        for needed, key in asked_of_the_key(action, resource_arn):
            denied = denied or enforce(access_key, needed, "kms", region, key)
        return denied

    return enforce_with_keys


ENCRYPTION = """<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>
<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{key}</KMSMasterKeyID>
</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"""


@amend(provisioners, "_s3_apply_configurations")
def _(apply: Callable[..., Any]) -> Callable[..., Any]:
    def apply_with_encryption(name: str, properties: dict[str, Any], *rest: Any) -> None:
        apply(name, properties, *rest)
        rules = properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        for default in (rule.get("ServerSideEncryptionByDefault", {}) for rule in rules):
            if key := default.get("KMSMasterKeyID"):
                s3._put_bucket_encryption(name, ENCRYPTION.format(key=escape(key)).encode())

    return apply_with_encryption
