"""Which lane a job takes, and why: the same facts make the same choice, and it is one that every record can take."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.batches import BATCH_LIKELY, BATCH_RECORDS, BATCHES_AT_ONCE, FEWEST_RECORDS
from batchwright.cache import Cache
from batchwright.contract import Contract
from batchwright.document import Document
from batchwright.errors import Refused
from batchwright.lane import BEDROCK_BATCH, FLEX, ON_DEMAND, SAGEMAKER_ASYNC
from batchwright.lanecosts import LIKELY_OUTPUT, cost_of
from batchwright.lanes import (
    ENDPOINT_RECORDS,
    LANES,
    LaneChoice,
    check_wish,
    choose,
    chunk_records_of,
    minutes_on_demand,
)
from batchwright.needs import Need, Needs
from batchwright.obstacles import (
    SLOWER,
    STOPPING,
    UNKNOWN,
    WORTH_WAITING,
    Load,
    batch_time,
    reserve,
    words_of_batch,
)
from batchwright.prompt import Prompt
from batchwright.quotas import Quota
from batchwright.route import Guardrail, Route
from batchwright.totals import Total
from tests.fakes import MODEL

ROOT = Path(__file__).parents[2]
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
TITAN = "amazon.titan-text-lite-v1"  # is not in the table of batches
NEW = "somebody.new-model-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"  # takes batches, and no tools there
DAY = timedelta(hours=24)
GUARDRAIL = Guardrail(id="abc", version="1")


def contract(lane: str = "auto", *routes: Route, **said: Any) -> Contract:
    fields = {"name": "c", "routes": routes or (Route(model=MODEL),), "lane": lane, **said}
    return Contract.model_validate(fields)


def asking(engine: str) -> Route:
    """A route of another engine than Bedrock."""
    where = {"openai": {"base_url": "https://llm.example.com/v1"}, "sagemaker": {"endpoint": "e"}}
    return Route.model_validate({"engine": engine, "model": "qwen-small", **where[engine]})


def load(records: int = 100_000, model: str = MODEL, **said: Any) -> Load:
    total = Total(records=records, input_tokens=500 * records, max_output_tokens=300 * records)
    fields = {"totals": {model: total}, "needs": Needs(), "left": DAY, "minutes": 10.0, **said}
    return Load(**fields)


def needing(name: str, records: int = 1, line: int = 7) -> Needs:
    return Needs(found={name: Need(records=records, line=line)})


def wordless(line: int = 40) -> Needs:
    """Many records with tools, and two of which only Converse has words for all."""
    return Needs(
        found={
            "tools": Need(records=3000, line=42),
            "words": Need(records=2, line=line, told="system[0].guardContent is not supported"),
        }
    )


def decided(choice: LaneChoice) -> tuple[str, str]:
    return choice.lane, choice.reasons[0].code


def test_a_large_file_with_time_takes_the_batch_for_half_the_price() -> None:
    choice = choose(contract(), load())

    assert decided(choice) == (BEDROCK_BATCH, "price")
    assert [why.code for why in choice.reasons] == ["price", "deadline"]
    costs = {lane: choice.lanes[lane].cost_usd for lane in (BEDROCK_BATCH, ON_DEMAND)}
    batch, whole = costs[BEDROCK_BATCH], costs[ON_DEMAND]
    assert batch is not None
    assert whole is not None
    assert batch["most"] == pytest.approx(whole["most"] / 2)
    assert f"${batch['most']:,.2f}" in choice.reasons[0].message
    assert "6 h" in choice.reasons[1].message


@pytest.mark.parametrize(
    ("asked", "terms", "code"),
    [
        (load(FEWEST_RECORDS - 1), contract(), "few_records"),
        (load(left=timedelta(hours=5)), contract(), "deadline"),
        (load(left=BATCH_LIKELY + reserve(10.0) - timedelta(minutes=1)), contract(), "deadline"),
        (load(left=timedelta(hours=10), minutes=None), contract(), "deadline"),
        (load(minutes=9 * 60.0), contract(), "deadline"),
        (load(model=TITAN), contract(), "model"),
        (load(model=NEW), contract(), "model"),
        (load(5000), contract(), "price"),
        (load(model=LLAMA, needs=needing("tools")), contract(), "tools"),
        (load(needs=wordless()), contract(), "tools"),
        (load(needs=needing("attachments")), contract(), "attachments"),
        (load(needs=needing("native")), contract(), "mixed"),
        (load(totals={MODEL: Total(records=500), HAIKU: Total(records=500)}), contract(), "several_models"),
        (load(), contract("auto", Route(model=MODEL, guardrail=GUARDRAIL)), "guardrail"),
        (load(), contract("auto", Route(model=MODEL, tier="priority")), "tier"),
        (
            load(),
            contract(prompt=Prompt(user="{{ text }}"), document=Document(tokens=10, join="{{ parts }}")),
            "join",
        ),
        (load(model="qwen-small"), contract("auto", asking("openai")), "engine"),
    ],
)  # fmt: skip
def test_one_fact_against_the_batch_decides_and_is_named(
    asked: Load, terms: Contract, code: str
) -> None:
    choice = choose(terms, asked)

    assert decided(choice) == (ON_DEMAND, code)
    assert choice.reasons == choice.lanes[BEDROCK_BATCH].against


def test_native_bodies_alone_make_a_batch() -> None:
    choice = choose(contract(), load(needs=needing("native", records=100_000)))

    assert choice.lane == BEDROCK_BATCH


def test_the_line_of_the_first_record_that_decides_is_told() -> None:
    asked = load(model=LLAMA, needs=needing("tools", records=3, line=42))

    why = choose(contract(), asked).reasons[0]

    assert why.line == 42
    assert why.message.startswith("3 of the records bring tools")
    assert why.message.endswith(f"and {LLAMA!r} is neither Claude nor Nova by its name")


@pytest.mark.parametrize("model", [MODEL, HAIKU])
def test_tools_go_into_a_batch_in_claudes_and_novas_own_words(model: str) -> None:
    needs = needing("tools", records=3)

    choice = choose(contract("bedrock_batch"), load(model=model, needs=needs))

    assert choice.lane == BEDROCK_BATCH
    assert words_of_batch(model, needs) == ("nova" if model == MODEL else "anthropic")
    assert words_of_batch(model, Needs()) is None


def test_of_a_record_that_only_converse_has_words_for_the_line_and_the_place_are_told() -> None:
    why = choose(contract(), load(needs=wordless(line=7))).reasons[0]

    assert why.line == 7
    assert why.message == (
        "3,000 of the records bring tools, which Converse does not take in a batch, and the model's own words do not"
        " hold 2 records: system[0].guardContent is not supported"
    )


def test_without_tools_it_does_not_matter_what_other_words_hold() -> None:
    asked = load(needs=Needs(found={"words": Need(records=2, line=1, told="x")}))

    assert choose(contract(), asked).lane == BEDROCK_BATCH


@pytest.mark.parametrize(
    ("system", "keeps", "lane"),
    [
        ("rule " * 20_000, "auto", ON_DEMAND),
        ("rule " * 20_000, False, BEDROCK_BATCH),
        ("{{ x }} " + "rule " * 20_000, "auto", BEDROCK_BATCH),
        ("rule " * 20, "auto", BEDROCK_BATCH),
    ],
)
def test_a_long_prompt_that_all_records_share_is_cheaper_from_the_models_cache(
    system: str, keeps: Any, lane: str
) -> None:
    terms = contract(
        "auto",
        Route(model=HAIKU),
        prompt=Prompt(system=system, user="{{ text }}"),
        cache=Cache(prompt=keeps),
    )
    tokens = len(system) // 4 + 100
    count = 100_000
    total = Total(records=count, input_tokens=count * tokens, max_output_tokens=count * 100)

    choice = choose(terms, load(totals={HAIKU: total}))

    assert choice.lane == lane
    if lane == ON_DEMAND:
        assert choice.reasons[0].code == "prompt_cache"


@pytest.mark.parametrize("lane", ["on_demand", "flex", "bedrock_batch"])
def test_a_lane_that_the_contract_names_is_taken_whatever_the_price_and_the_deadline(
    lane: str,
) -> None:
    late = load(model=NEW, left=timedelta(minutes=1), minutes=None)

    choice = choose(contract(lane), late)

    assert decided(choice) == (lane, "said")
    assert choice.reasons[1:] == choice.lanes[choice.lane].doubts, "it is told all the same"
    check_wish(contract(lane), late)


def test_a_file_that_is_too_small_for_the_batch_that_the_contract_names_goes_on_demand() -> None:
    small = load(FEWEST_RECORDS - 1)

    check_wish(contract("bedrock_batch"), small)

    assert decided(choose(contract("bedrock_batch"), small)) == (ON_DEMAND, "few_records")


@pytest.mark.parametrize("need", ["tools", "attachments", "native"])
def test_records_that_the_named_batch_cannot_take_refuse_the_file_before_any_call(
    need: str,
) -> None:
    asked = load(model=LLAMA, needs=needing(need, line=9))

    with pytest.raises(
        Refused, match=r"says lane: bedrock_batch, but .*: say lane: auto"
    ) as caught:
        check_wish(contract("bedrock_batch"), asked)

    assert (caught.value.code, caught.value.line) == ("lane_unsuitable", 9)
    check_wish(contract("auto"), asked)
    check_wish(contract("on_demand"), asked)


def test_an_endpoint_of_sagemaker_is_asked_by_its_queue_in_short_chunks() -> None:
    choice = choose(contract("auto", asking("sagemaker")), load(3, model="qwen-small"))

    assert decided(choice) == (SAGEMAKER_ASYNC, "engine")
    assert choice.lanes[SAGEMAKER_ASYNC].cost_usd is None
    assert chunk_records_of(contract("auto", asking("sagemaker")), 1000) == ENDPOINT_RECORDS
    assert (
        chunk_records_of(contract("sagemaker_async", asking("sagemaker")), 1000) == ENDPOINT_RECORDS
    )
    assert chunk_records_of(contract("sagemaker_async", asking("sagemaker")), 30) == 30
    for other in (
        contract("on_demand", asking("sagemaker")),
        contract("auto"),
        contract("bedrock_batch"),
    ):
        assert chunk_records_of(other, 1000) == 1000


def test_an_endpoint_whose_price_the_contract_says_costs_that_in_its_queue() -> None:
    told = {"engine": "sagemaker", "endpoint": "qwen-small", "price": {"input": 1, "output": 2}}
    asked = load(1000, model="qwen-small")

    choice = choose(contract("auto", Route.model_validate(told)), asked)

    assert choice.lanes[SAGEMAKER_ASYNC].cost_usd == {"least": 0.5, "most": 1.1}


def test_flex_is_never_chosen_by_itself_since_nobody_tells_its_price() -> None:
    facts = choose(contract(), load(model="us.amazon.nova-pro-v1:0")).lanes[FLEX]

    assert (facts.hindrances, facts.cost_usd, facts.minutes) == ((), None, None)
    assert [why.code for why in facts.against] == ["price"]


def test_what_is_known_of_every_lane_is_told() -> None:
    told = choose(contract(), load()).to_json()

    assert told["lanes"].keys() == set(LANES)
    assert told["lanes"]["on_demand"]["minutes"] == 10.0
    assert told["lanes"]["bedrock_batch"]["minutes"] == 360.0
    assert told["lanes"]["sagemaker_async"]["possible"] is False
    assert told["lanes"]["sagemaker_async"]["against"][0]["code"] == "engine"
    assert (told["lane"], told["wish"]) == ("bedrock_batch", "auto")


@pytest.mark.parametrize(
    ("quotas", "minutes"),
    [
        ({MODEL: Quota(tpm=100_000), HAIKU: Quota(tpm=1000)}, 200.0),
        ({MODEL: Quota(rpm=1), HAIKU: Quota(tpm=1_000_000)}, 50.0),
        ({MODEL: Quota(), HAIKU: Quota(tpm=1000)}, None),
    ],
)
def test_the_slowest_model_tells_how_long_the_quotas_need(
    quotas: dict[str, Quota], minutes: float | None
) -> None:
    total = Total(records=50, input_tokens=100_000, max_output_tokens=20_000)

    # One token of Haiku's output takes five of its quota.
    assert minutes_on_demand({MODEL: total, HAIKU: total}, quotas.__getitem__) == minutes


needs = st.builds(
    Needs,
    found=st.dictionaries(
        st.sampled_from(["tools", "words", "attachments", "native"]),
        st.builds(Need, records=st.integers(1, 400), line=st.integers(1, 9)),
    ),
)
totals = st.dictionaries(
    st.sampled_from([MODEL, HAIKU, LLAMA, TITAN, NEW]),
    st.builds(
        Total,
        records=st.integers(1, 3_000_000),
        input_tokens=st.integers(0, 10**12),
        max_output_tokens=st.integers(0, 10**12),
    ),
    min_size=1,
)
loads = st.builds(
    Load,
    totals=totals,
    needs=needs,
    left=st.timedeltas(timedelta(), timedelta(days=14)),
    minutes=st.none() | st.floats(0, 10**5),
)
wishes = st.sampled_from(["auto", "on_demand", "flex", "bedrock_batch"])


@given(asked=loads, wish=wishes)
def test_never_a_lane_that_a_record_cannot_take(asked: Load, wish: str) -> None:
    choice = choose(contract(wish), asked)

    assert not choice.lanes[choice.lane].hindrances
    if choice.lane == BEDROCK_BATCH:
        assert asked.records >= FEWEST_RECORDS
        assert len(asked.totals) == 1
        found = asked.needs.found.keys()
        assert "attachments" not in found
        assert "tools" not in found or ("words" not in found and {*asked.totals} <= {MODEL, HAIKU})


@given(asked=loads)
def test_a_deadline_that_is_too_short_never_makes_a_batch(asked: Load) -> None:
    needed = batch_time(asked.records) + reserve(asked.minutes)

    short = choose(contract(), replace(asked, left=min(asked.left, needed - timedelta(seconds=1))))

    assert short.lane == ON_DEMAND
    assert "deadline" in {why.code for why in short.reasons}


@given(asked=loads)
def test_what_is_chosen_by_itself_is_never_dearer_than_on_demand(asked: Load) -> None:
    choice = choose(contract(), asked)

    whole, chosen = cost_of(ON_DEMAND, contract(), asked.totals), choice.lanes[choice.lane].cost_usd
    if choice.lane != ON_DEMAND:
        assert chosen is not None
        assert whole is not None
        assert chosen["most"] < whole["most"]


@given(asked=loads, wish=wishes)
def test_the_same_facts_make_the_same_choice_and_a_reason_is_named(asked: Load, wish: str) -> None:
    choice = choose(contract(wish), asked)

    assert choice == choose(contract(wish), replace(asked, totals=dict(asked.totals)))
    assert choice.reasons
    assert all(why.code and why.message for why in choice.reasons)
    if wish == "auto" and choice.lane == ON_DEMAND:
        assert choice.reasons == choice.lanes[BEDROCK_BATCH].against


def test_every_code_that_decides_and_every_number_is_in_the_documentation() -> None:
    package = ROOT / "layers" / "core" / "batchwright"
    page = (ROOT / "docs" / "lanes.md").read_text()
    sources = "".join((package / name).read_text() for name in ("obstacles.py", "lanes.py"))
    codes = set(re.findall(r'code="([a-z_]+)"', sources))

    assert len(codes) > 10
    assert codes <= set(re.findall(r"`([a-z_]+)`", page))
    assert f"{FEWEST_RECORDS} to {BATCH_RECORDS:,} records" in page
    assert f"{BATCHES_AT_ONCE} batches of a model at once" in page
    assert f"chunks of {ENDPOINT_RECORDS} records" in page
    assert f"hours: {BATCH_LIKELY // timedelta(hours=1)} are reckoned with" in page
    assert f"{UNKNOWN // timedelta(hours=1)} hours where no quota is known" in page
    assert f"less than ${WORTH_WAITING:.0f}" in page
    assert (SLOWER, "twice as long" in page) == (2, True)
    assert (LIKELY_OUTPUT, "a quarter of the tokens" in page) == (0.25, True)
    assert (STOPPING, "half an hour" in page) == (timedelta(minutes=30), True)
