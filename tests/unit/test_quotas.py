from datetime import date

import pytest

from batchwright.prices import base_id, price_table
from batchwright.quotas import Quota, output_burndown, quota_of, quota_table, reserved_tokens


def test_the_table_names_its_source_its_region_and_its_day() -> None:
    table = quota_table()

    assert table["source"].startswith("https://docs.aws.amazon.com/general/latest/gr/bedrock.html")
    assert date.fromisoformat(table["as_of"]) <= date(2026, 11, 24)
    assert table["region"] == "us-east-1"
    assert table["output_burndown"]["source"].startswith("https://docs.aws.amazon.com/")


def test_it_has_every_model_that_has_a_price_and_no_other() -> None:
    quotas = quota_table()["tokens_a_minute"]

    assert price_table().keys() <= quotas.keys()
    assert {base_id(model) for model in quotas} <= price_table().keys()
    assert all(quota is None or quota > 0 for quota in quotas.values())


@pytest.mark.parametrize(
    ("model", "tpm"),
    [
        ("amazon.nova-lite-v1:0", 2_000_000),
        ("us.amazon.nova-lite-v1:0", 4_000_000),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0", 4_000_000),
        ("eu.amazon.nova-lite-v1:0", None),
        ("openai.gpt-oss-20b-1:0", None),
        ("somebody.new-model-v1:0", None),
    ],
)  # fmt: skip
def test_a_model_and_its_profiles_have_quotas_of_their_own(model: str, tpm: int | None) -> None:
    assert quota_of(model) == Quota(rpm=None, tpm=tpm)


@pytest.mark.parametrize(
    ("model", "factor"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", 1),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", 1),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", 5),
        ("anthropic.claude-opus-4-20250514-v1:0", 5),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", 5),
        ("us.anthropic.claude-of-next-year", 5),
        ("us.amazon.nova-pro-v1:0", 1),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", 1),
    ],
)
def test_output_is_burnt_down_faster_since_claude_3_7(model: str, factor: int) -> None:
    assert output_burndown(model) == factor
    assert reserved_tokens(model, 10, 100) == 10 + 100 * factor


@pytest.mark.parametrize(
    ("quota", "minutes"),
    [
        (Quota(rpm=10, tpm=1000), 3.0),
        (Quota(rpm=100, tpm=1000), 2.0),
        (Quota(rpm=10), 3.0),
        (Quota(tpm=1000), 2.0),
        (Quota(), None),
    ],
)
def test_the_scarcer_of_requests_and_tokens_tells_the_minutes(
    quota: Quota, minutes: float | None
) -> None:
    assert quota.minutes(30, 2000) == minutes
