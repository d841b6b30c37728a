import json
from datetime import date
from importlib.resources import files

import pytest

from batchwright.families import embeds
from batchwright.outcome import Ending, Outcome, Tally
from batchwright.prices import base_id, cost_usd, lane_cost_usd, lane_table, price_table, saved_usd
from batchwright.usage import Usage

USED = Usage(input_tokens=1_000_000, output_tokens=1_000_000)


def test_the_table_names_its_source_and_its_day() -> None:
    table = json.loads(files("batchwright").joinpath("prices.json").read_bytes())

    assert table["source"].startswith("https://aws.amazon.com/bedrock/pricing/")
    assert date.fromisoformat(table["as_of"]) <= date(2026, 11, 22)
    assert table["currency"] == "USD"


def test_every_price_is_a_pair_and_more_than_nothing() -> None:
    for model, price in price_table().items():
        assert set(price) - {"context"} == {"input", "output"}, model
        assert price["input"] > 0, model
        if embeds(model):
            assert price["output"] == 0, model
        else:
            assert price["input"] <= price["output"], model
            assert price["context"] >= 4096, model


def test_vectors_cost_what_is_read_for_them() -> None:
    read = Usage(input_tokens=1_000_000)

    assert cost_usd("amazon.titan-embed-text-v2:0", read) == pytest.approx(0.02)
    assert cost_usd("us.cohere.embed-v4:0", read) == pytest.approx(0.12)


@pytest.mark.parametrize(
    "model",
    [
        "amazon.nova-lite-v1:0",
        "us.amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0",
    ],
)
def test_a_model_costs_the_same_by_every_name(model: str) -> None:
    assert cost_usd(model, USED) == pytest.approx(0.30)


def test_an_unknown_model_costs_nobody_knows_what() -> None:
    assert cost_usd("somebody.new-model-v1:0", USED) is None


def test_one_unknown_cost_makes_the_sum_unknown() -> None:
    tally = Tally()
    for cost in (0.1, None, 0.2):
        tally.add(
            Outcome(
                index=0,
                line=1,
                record_id="r",
                status=Ending.SUCCEEDED,
                cost_usd=cost,
                contract_digest="c",
                at="",
            )
        )

    assert tally.cost_usd is None


def test_what_a_prompt_cache_held_costs_a_part_and_what_it_is_given_may_cost_more() -> None:
    million, model = 1_000_000, "us.anthropic.claude-sonnet-4-20250514-v1:0"

    assert cost_usd(model, Usage(cache_read_tokens=million)) == pytest.approx(0.3)
    assert cost_usd(model, Usage(cache_write_tokens=million)) == pytest.approx(3.75)
    assert saved_usd(model, Usage(cache_read_tokens=million)) == pytest.approx(2.7)
    assert saved_usd(model, Usage(cache_write_tokens=million)) == pytest.approx(-0.75)
    assert saved_usd(model, Usage(input_tokens=5, output_tokens=5)) == 0.0


def test_cached_tokens_of_a_model_without_a_known_cache_have_no_known_price() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=1)

    assert cost_usd("openai.gpt-oss-20b-1:0", usage) is None
    assert saved_usd("openai.gpt-oss-20b-1:0", usage) == 0.0
    assert saved_usd("somebody.new-model-v1:0", usage) == 0.0


def test_every_lane_names_its_source_and_only_models_that_have_a_price() -> None:
    bases = {base_id(model) for model in price_table()}

    for name, lane in lane_table().items():
        assert lane["source"].startswith("https://"), name
        assert lane["factor"] is None or 0 < lane["factor"] <= 1, name
        assert {*lane["models"]} <= bases | {"*"}, name


def test_a_batch_costs_half_where_the_model_takes_batches() -> None:
    whole = cost_usd("us.amazon.nova-lite-v1:0", USED)

    assert lane_cost_usd("on_demand", "us.amazon.nova-lite-v1:0", USED) == whole
    assert lane_cost_usd("bedrock_batch", "us.amazon.nova-lite-v1:0", USED) == pytest.approx(0.15)
    assert lane_cost_usd("bedrock_batch", "amazon.titan-text-lite-v1", USED) is None


def test_a_lane_whose_price_is_not_stated_or_whose_model_has_none_costs_nobody_knows_what() -> None:
    assert lane_cost_usd("flex", "amazon.nova-pro-v1:0", USED) is None
    assert lane_cost_usd("on_demand", "somebody.new-model-v1:0", USED) is None
