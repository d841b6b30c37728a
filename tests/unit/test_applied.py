"""Which quota of an account is a model's: by a name that was made for people."""

import pytest

from batchwright.applied import tokens_a_minute
from batchwright.prices import base_id
from batchwright.quotas import quota_table

ON_DEMAND = "On-demand model inference tokens per minute for"
CROSS = "Cross-region model inference tokens per minute for"
GLOBAL = "Global cross-region model inference tokens per minute for"
# As accounts list them.
NAMED = {
    "amazon.nova-lite-v1:0": f"{ON_DEMAND} Amazon Nova Lite",
    "us.amazon.nova-premier-v1:0": f"{CROSS} Amazon Nova Premier V1",
    "amazon.titan-embed-text-v1": f"{ON_DEMAND} Amazon Titan Text Embeddings",
    "amazon.titan-embed-text-v2:0": f"{ON_DEMAND} Amazon Titan Text Embeddings V2",
    "amazon.titan-text-express-v1": f"{ON_DEMAND} Amazon Titan Text Express",
    "anthropic.claude-3-haiku-20240307-v1:0": f"{ON_DEMAND} Anthropic Claude 3 Haiku",
    "us.anthropic.claude-3-5-sonnet-20240620-v1:0": f"{CROSS} Anthropic Claude 3.5 Sonnet",
    "us.anthropic.claude-3-5-sonnet-20241022-v2:0": f"{CROSS} Anthropic Claude 3.5 Sonnet V2",
    "eu.anthropic.claude-3-7-sonnet-20250219-v1:0": f"{CROSS} Anthropic Claude 3.7 Sonnet V1",
    "apac.anthropic.claude-sonnet-4-20250514-v1:0": f"{CROSS} Anthropic Claude Sonnet 4 V1",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": f"{CROSS} Anthropic Claude Sonnet 4.5 V1",
    "global.anthropic.claude-haiku-4-5-20251001-v1:0": f"{GLOBAL} Anthropic Claude Haiku 4.5",
    "anthropic.claude-sonnet-4-6": f"{ON_DEMAND} Anthropic Claude Sonnet 4.6",
    "us.deepseek.r1-v1:0": f"{CROSS} DeepSeek R1 V1",
    "us.meta.llama3-1-8b-instruct-v1:0": f"{CROSS} Meta Llama 3.1 8B Instruct",
    "us.meta.llama4-scout-17b-instruct-v1:0": f"{CROSS} Meta Llama 4 Scout V1",
    "mistral.mistral-7b-instruct-v0:2": f"{ON_DEMAND} Mistral AI Mistral 7B Instruct",
    "mistral.mixtral-8x7b-instruct-v0:1": f"{ON_DEMAND} Mistral AI Mixtral 8X7BB Instruct",
    "us.mistral.pixtral-large-2502-v1:0": f"{CROSS} Mistral Pixtral Large 25.02 V1",
    "cohere.command-r-plus-v1:0": f"{ON_DEMAND} Cohere Command R Plus",
    "cohere.command-r-v1:0": f"{ON_DEMAND} Cohere Command R",
    "cohere.embed-english-v3": f"{ON_DEMAND} Cohere Embed English",
    "global.cohere.embed-v4:0": f"{GLOBAL} Cohere Embed V4",
    "openai.gpt-oss-20b-1:0": f"{ON_DEMAND} OpenAI GPT OSS 20B",
    "qwen.qwen3-coder-30b-a3b-v1:0": f"{ON_DEMAND} Qwen3 Coder 30B a3b V1",
}
ACCOUNT = {name: 1000.0 + place for place, name in enumerate(NAMED.values())}
OTHERS = {
    "On-demand model inference requests per minute for Amazon Nova Lite": 2.0,
    "Global cross-region model inference tokens per day for Anthropic Claude Haiku 4.5": 3.0,
    "Cross-region model inference tokens per minute for Anthropic Claude Sonnet 4.5 V1 1M Context Length": 4.0,
    "Model invocation max tokens per day for Anthropic Claude 3.7 Sonnet V1 (doubled for cross-region calls)": 5.0,
    "Batch inference job size (in GB) for Nova Lite V1": 6.0,
    "[bedrock-mantle endpoint] Input tokens per minute for GPT OSS 20B": 7.0,
}


@pytest.mark.parametrize("model", NAMED)
def test_a_model_has_the_quota_that_bears_its_name(model: str) -> None:
    assert tokens_a_minute(model, OTHERS | ACCOUNT) == ACCOUNT[NAMED[model]]


def test_an_arn_has_the_quota_of_what_it_names() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.deepseek.r1-v1:0"

    assert tokens_a_minute(arn, ACCOUNT) == ACCOUNT[NAMED["us.deepseek.r1-v1:0"]]


def test_no_model_takes_the_quota_of_another() -> None:
    """Of one model, the profiles of two geographies bear one name: a Region lists that of its own."""
    for model in quota_table()["tokens_a_minute"]:
        found = {
            name for name, value in ACCOUNT.items() if value == tokens_a_minute(model, ACCOUNT)
        }
        same = {name for other, name in NAMED.items() if base_id(other) == base_id(model)}
        assert found <= same, model


@pytest.mark.parametrize(
    "model",
    [
        "us.amazon.nova-lite-v1:0",
        "amazon.nova-lite-v2:0",
        "anthropic.claude-3-5-haiku-20241022-v1:0",
        "us.anthropic.claude-3-5-sonnet-20241022-v3:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3",
        "somebody.new",
    ],
)
def test_a_model_that_no_quota_names_is_unknown(model: str) -> None:
    assert tokens_a_minute(model, OTHERS | ACCOUNT) is None


def test_a_quota_of_nothing_is_not_believed() -> None:
    assert tokens_a_minute("amazon.nova-lite-v1:0", {f"{ON_DEMAND} Amazon Nova Lite": 0.0}) is None


def test_both_ways_of_naming_a_quota_are_known_and_the_smaller_holds() -> None:
    newer = "On-demand InvokeModel tokens per minute for Amazon Nova Lite"

    assert tokens_a_minute("amazon.nova-lite-v1:0", {newer: 7.0}) == 7
    assert tokens_a_minute("amazon.nova-lite-v1:0", {newer: 7.0} | ACCOUNT) == 7
