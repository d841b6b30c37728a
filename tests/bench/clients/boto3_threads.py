"""boto3 in threads, with its own retries: what most people write."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.bench.clients.errand import KEY, REGION, Errand, carry_out


def prepare(errand: Errand) -> Callable[[], dict[str, int]]:
    retries = {"mode": errand.mode}
    bedrock = boto3.client(
        "bedrock-runtime",
        endpoint_url=errand.endpoint,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        config=Config(retries=retries, max_pool_connections=errand.in_flight),  # type: ignore[arg-type] - the stubs' literals
    )

    def answered(text: str) -> bool:
        try:
            bedrock.converse(
                modelId=errand.model,
                messages=[{"role": "user", "content": [{"text": text}]}],
                inferenceConfig={"maxTokens": errand.max_tokens},
            )
        except (BotoCoreError, ClientError):
            return False
        return True

    def ask_all() -> dict[str, int]:
        with ThreadPoolExecutor(errand.in_flight) as pool:
            return {"answered": sum(pool.map(answered, errand.texts()))}

    return ask_all


if __name__ == "__main__":
    carry_out(prepare)
