"""boto3 in threads, with its own retries: what most people write."""

from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.bench.clients.errand import Errand, Report, asked_by_threads, carry_out


class Unanswered(Exception):
    """boto3 gave up."""


def opened(errand: Errand) -> Callable[[str], int]:
    """Open a client; return what asks a prompt, and returns the tokens that it used."""
    settings: Any = {
        "retries": {"mode": errand.mode},
        "max_pool_connections": errand.in_flight,
    }
    bedrock = boto3.client("bedrock-runtime", config=Config(**settings))

    def ask(text: str) -> int:
        try:
            answer = bedrock.converse(
                modelId=errand.model,
                messages=[{"role": "user", "content": [{"text": text}]}],
                inferenceConfig={"maxTokens": errand.max_tokens},
            )
        except (BotoCoreError, ClientError):
            raise Unanswered from None
        return int(answer["usage"]["totalTokens"])

    return ask


def prepare(errand: Errand) -> Callable[[], Report]:
    ask = opened(errand)

    def answered(text: str) -> bool:
        try:
            ask(text)
        except Unanswered:
            return False
        return True

    def ask_all() -> Report:
        return {"answered": asked_by_threads(errand, answered)}

    return ask_all


if __name__ == "__main__":
    carry_out(prepare)
