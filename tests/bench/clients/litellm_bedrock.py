"""LiteLLM in threads, with three retries of its own (docs.litellm.ai/docs/completion/reliable_completions)."""

import logging
import os
from collections.abc import Callable

import litellm

from tests.bench.clients.errand import Errand, Report, asked_by_threads, carry_out

RETRIES = 3


def prepare(errand: Errand) -> Callable[[], Report]:
    litellm.suppress_debug_info = True
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)

    def answered(text: str) -> bool:
        try:
            litellm.completion(
                model=f"bedrock/converse/{errand.model}",
                messages=[{"role": "user", "content": text}],
                max_tokens=errand.max_tokens,
                num_retries=RETRIES,
                aws_bedrock_runtime_endpoint=os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
            )
        except Exception:  # noqa: BLE001 - whatever it raises, this prompt was not answered
            return False
        return True

    def ask_all() -> Report:
        return {"answered": asked_by_threads(errand, answered)}

    return ask_all


if __name__ == "__main__":
    carry_out(prepare)
