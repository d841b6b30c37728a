"""What is asked when the first route cannot answer: whole jobs, and an engine with a script for every model."""

import asyncio
import json
from collections.abc import Callable, Mapping
from copy import replace
from dataclasses import dataclass, field
from typing import Any

import pytest

from batchwright.breaker import FAILURES
from batchwright.completion import Completion
from batchwright.contractfile import read_contract
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ModelUnknown,
    ServiceFault,
    Throttled,
    Unavailable,
)
from batchwright.job import JobRow, Status
from batchwright.prices import cost_usd
from batchwright.request import Request
from batchwright.route import Route
from batchwright.usage import Usage
from tests.fakes import MODEL, echo
from tests.laptop import Laptop, chat_line, jsonl
from tests.samples import BESIDE, DOCS, SAMPLES

MICRO = "amazon.nova-micro-v1:0"
LITE_IN_EUROPE = "eu.amazon.nova-lite-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-20250514-v1:0"
SERVED = (MODEL, MICRO, LITE_IN_EUROPE, SONNET)

type Script = Callable[[Request], Completion]


@dataclass
class ModelsEngine:
    """Does with every model what its script says; one without a script echoes."""

    scripts: Mapping[str, Script] = field(default_factory=dict)
    calls: list[tuple[str, Request]] = field(default_factory=list)

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        assert timeout > 0
        assert metadata["idempotency_key"]
        self.calls.append((route.model, request))
        await asyncio.sleep(0)
        return self.scripts.get(route.model, echo)(request)

    def asked(self, model: str) -> list[Request]:
        return [request for asked, request in self.calls if asked == model]


def fails(fault: BatchwrightError) -> Script:
    def script(_request: Request) -> Completion:
        raise fault

    return script


DOWN = fails(Unavailable("503"))


def contract(*models: str, **said: Any) -> str:
    routes = [{"model": model} for model in models]
    return json.dumps({"name": "triage", "routes": routes, "models": {"*": models[0]}, **said})


def laptop_with(engine: ModelsEngine, said: str, served: tuple[str, ...] = SERVED) -> Laptop:
    laptop = Laptop(engine=engine, models=served)
    laptop.put_contract("triage", said)
    return laptop


KEY = "inbox/triage/file.jsonl"


def mails(count: int = 3, **body: Any) -> bytes:
    return jsonl([chat_line(f"req-{number}", f"say {number}", **body) for number in range(count)])


def run(laptop: Laptop, content: bytes | None = None) -> tuple[JobRow, list[dict[str, Any]]]:
    row = laptop.run(mails() if content is None else content, KEY)
    return row, laptop.results(row.job_id, "outcomes.jsonl")


async def answer_of_a_worker(laptop: Laptop) -> dict[str, Any]:
    job_id = laptop.drop(mails(), KEY)
    laptop.plan(job_id)
    return await laptop.invoke(laptop.chunks(job_id)[0])


def test_while_the_first_model_is_down_the_next_one_answers_and_the_outcome_says_so() -> None:
    engine = ModelsEngine({MODEL: DOWN})
    laptop = laptop_with(engine, contract(MODEL, MICRO, fallback=["unavailable"]))

    row, outcomes = run(laptop)

    assert row.status is Status.COMPLETED
    assert [(each["route"], each["model"]) for each in outcomes] == [(1, MICRO)] * 3
    assert all(each["cost_usd"] == cost_usd(MICRO, Usage(**each["usage"])) for each in outcomes)
    assert row.tally.calls == len(engine.calls), "calls to the model that was down are counted"
    (line, *_) = laptop.results(row.job_id, "output.jsonl")
    assert line["response"]["body"]["model"] == MICRO


def test_a_model_that_is_down_is_not_asked_by_every_record() -> None:
    engine = ModelsEngine({MODEL: DOWN})
    laptop = laptop_with(engine, contract(MODEL, MICRO, fallback=["unavailable"]))
    laptop.chunk_records = 500

    row, outcomes = run(laptop, mails(500))

    assert row.counts()["succeeded"] == 500
    assert {each["model"] for each in outcomes} == {MICRO}
    # Those that were in flight together when it opened, and a probe a second at most.
    assert len(engine.asked(MODEL)) <= FAILURES + 8 + 5


async def test_without_fallback_the_worker_rests() -> None:
    engine = ModelsEngine({MODEL: fails(Unavailable("503", retry_after=30))})
    laptop = laptop_with(engine, contract(MODEL))

    answer = await answer_of_a_worker(laptop)

    assert answer["state"] == "paused"


async def test_what_the_contract_does_not_name_lets_no_other_model_be_asked() -> None:
    engine = ModelsEngine({MODEL: fails(Throttled("429", retry_after=30))})
    laptop = laptop_with(engine, contract(MODEL, MICRO, fallback=["unavailable", "denied"]))

    assert (await answer_of_a_worker(laptop))["state"] == "paused"
    assert engine.asked(MICRO) == []


@pytest.mark.parametrize("wait", [None, 30.0])
def test_a_model_at_its_limit_gives_way_only_where_the_contract_says_so(wait: float | None) -> None:
    engine = ModelsEngine({MODEL: fails(Throttled("429", retry_after=wait))})
    laptop = laptop_with(engine, contract(MODEL, MICRO, fallback=["throttled"]))

    _, outcomes = run(laptop)

    assert {each["model"] for each in outcomes} == {MICRO}


def test_one_throttle_is_waited_out() -> None:
    refused: set[str] = set()

    def throttled_once(request: Request) -> Completion:
        text = str(request.body["messages"])
        if text not in refused:
            refused.add(text)
            raise Throttled("429")
        return echo(request)

    engine = ModelsEngine({MODEL: throttled_once})
    laptop = laptop_with(engine, contract(MODEL, MICRO, fallback=["throttled"]))

    _, outcomes = run(laptop)

    assert {each["model"] for each in outcomes} == {MODEL}
    assert {each["attempts"] for each in outcomes} == {2}


@pytest.mark.parametrize("fault", [AccessDenied("no access"), ModelUnknown("not here")])
def test_a_model_that_may_not_be_asked_stops_the_job_unless_the_contract_lets_another_answer(
    fault: BatchwrightError,
) -> None:
    engine = ModelsEngine({MODEL: fails(fault)})

    stopped, _ = run(laptop_with(engine, contract(MODEL, MICRO, fallback=["unavailable"])))
    assert stopped.reason is not None
    assert stopped.reason.code == fault.code
    assert engine.asked(MICRO) == []

    answered, outcomes = run(laptop_with(engine, contract(MODEL, MICRO, fallback=["denied"])))
    assert answered.status is Status.COMPLETED
    assert {each["model"] for each in outcomes} == {MICRO}


def test_a_model_that_denied_is_not_asked_by_the_records_after() -> None:
    engine = ModelsEngine({MODEL: fails(AccessDenied("no access"))})
    laptop = laptop_with(engine, contract(MODEL, MICRO, fallback=["denied"]))
    laptop.chunk_records = 100

    row, _ = run(laptop, mails(100))

    assert row.counts()["succeeded"] == 100
    assert len(engine.asked(MODEL)) <= 8, "those that were in flight together"


def test_a_failure_that_may_be_the_records_own_is_no_reason_to_ask_another_model() -> None:
    engine = ModelsEngine({MODEL: fails(ServiceFault("500"))})
    said = contract(MODEL, MICRO, fallback=["unavailable", "throttled", "denied"], max_attempts=1)

    row, _ = run(laptop_with(engine, said))

    assert row.counts()["failed"] == 3
    assert engine.asked(MICRO) == []


def test_the_request_stands_and_the_route_fills_what_it_does_not_say() -> None:
    engine = ModelsEngine({MODEL: DOWN})
    said = {
        "name": "triage",
        "models": {"*": MODEL},
        "routes": [
            {"model": MODEL, "max_tokens": 300, "temperature": 0.1},
            {"model": MICRO, "max_tokens": 200, "temperature": 0.2, "top_p": 0.5},
        ],
        "fallback": ["unavailable"],
    }

    run(laptop_with(engine, json.dumps(said)), mails(1, temperature=0.9))

    first, second = engine.asked(MODEL)[0], engine.asked(MICRO)[0]
    assert first.body["inferenceConfig"] == {"maxTokens": 300, "temperature": 0.9}
    assert second.body["inferenceConfig"] == {"maxTokens": 200, "temperature": 0.9, "topP": 0.5}
    assert first.body["messages"] == second.body["messages"]


def test_every_model_has_a_request_digest_of_its_own() -> None:
    said = contract(MODEL, MICRO, fallback=["unavailable"])

    _, (first,) = run(laptop_with(ModelsEngine(), said), mails(1))
    _, (second,) = run(laptop_with(ModelsEngine({MODEL: DOWN}), said), mails(1))

    assert first["request_digest"] != second["request_digest"]
    assert first["contract_digest"] == second["contract_digest"]


def test_a_name_in_the_file_that_leads_to_a_later_route_has_the_routes_after_it() -> None:
    engine = ModelsEngine({MICRO: DOWN})
    said = contract(
        MODEL, MICRO, SONNET, fallback=["unavailable"], models={"*": MODEL, "gpt-4o-mini": MICRO}
    )

    _, outcomes = run(laptop_with(engine, said))

    assert [(each["route"], each["model"]) for each in outcomes] == [(2, SONNET)] * 3
    assert engine.asked(MODEL) == []


def test_a_profile_of_another_geography_is_a_route_like_any_other() -> None:
    engine = ModelsEngine({MODEL: DOWN})
    laptop = laptop_with(engine, contract(MODEL, LITE_IN_EUROPE, fallback=["unavailable"]))

    row, outcomes = run(laptop)

    assert {each["model"] for each in outcomes} == {LITE_IN_EUROPE}
    assert row.tally.cost_usd is not None, "it costs what its model costs"


def test_a_model_that_the_stack_may_not_ask_stands_in_for_nobody() -> None:
    engine = ModelsEngine({MODEL: DOWN})
    said = contract(MODEL, MICRO, SONNET, fallback=["unavailable"])

    _, outcomes = run(laptop_with(engine, said, served=(MODEL, SONNET)))

    assert [(each["route"], each["model"]) for each in outcomes] == [(2, SONNET)] * 3


async def test_when_all_models_are_down_the_worker_rests_and_the_next_begins_with_the_first() -> (
    None
):
    engine = ModelsEngine({MODEL: DOWN, MICRO: fails(Unavailable("503", retry_after=30))})
    laptop = laptop_with(engine, contract(MODEL, MICRO, fallback=["unavailable"]))
    job_id = laptop.drop(mails(), KEY)
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)

    assert (await laptop.invoke(chunk))["state"] == "paused"
    engine.scripts = {}
    assert (await laptop.invoke(chunk))["state"] == "done"

    laptop.close(job_id)
    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert [(each["route"], each["model"]) for each in outcomes] == [(0, MODEL)] * 3
    assert laptop.row(job_id).tally.calls == len(engine.calls)


def test_each_answer_costs_what_its_own_model_costs() -> None:
    """An answer of the first model is cut and paid for; then it is down, and the next one answers."""
    cut: set[str] = set()

    def cut_then_down(request: Request) -> Completion:
        text = str(request.body["messages"])
        if text in cut:
            raise Unavailable("503", retry_after=30)
        cut.add(text)
        return echo(request)

    engine = ModelsEngine({SONNET: cut_then_down})
    said = contract(SONNET, MICRO, fallback=["unavailable"], budget={"usd": 5})
    laptop = laptop_with(engine, said)
    content = jsonl([chat_line("req-0", "x" * 400, max_tokens=50)])

    row, (outcome,) = run(laptop, content)

    read = Usage(input_tokens=100, output_tokens=50)
    again = Usage(input_tokens=100, output_tokens=50) + Usage(input_tokens=100, output_tokens=100)
    cost = (cost_usd(SONNET, read) or 0) + (cost_usd(MICRO, again) or 0)
    assert outcome["model"] == MICRO
    assert outcome["cost_usd"] == pytest.approx(cost)
    money = laptop.budgets.money(row.job_id)
    assert money.spent == pytest.approx(cost * 1e9, abs=3)
    assert money.reserved == 0


NATIVE = {
    "recordId": "RECORD00001",
    "modelInput": {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hello"}],
    },
}


async def test_a_native_body_falls_back_to_no_other_family() -> None:
    engine = ModelsEngine({SONNET: fails(Unavailable("503", retry_after=30))})
    laptop = laptop_with(engine, contract(SONNET, MICRO, fallback=["unavailable"]))
    job_id = laptop.drop(jsonl([NATIVE]), KEY)
    laptop.plan(job_id)

    answer = await laptop.invoke(laptop.chunks(job_id)[0])

    assert answer["state"] == "paused"
    assert {model for model, _ in engine.calls} == {SONNET}


def tiered(*tiers: str, **said: Any) -> str:
    routes = [{"model": MODEL, "tier": tier} for tier in tiers]
    return json.dumps({"name": "triage", "routes": routes, "models": {"*": MODEL}, **said})


def serves(tier: str | None) -> Script:
    return lambda request: replace(echo(request), tier=tier)


@pytest.mark.parametrize(
    ("wanted", "served", "priced"),
    [
        ("default", "default", True),
        ("flex", "default", True),
        ("flex", "flex", False),
        ("priority", "priority", False),
        ("priority", None, False),
    ],
)
def test_the_tier_that_was_served_is_recorded_and_costs_what_the_table_states(
    wanted: str, served: str | None, priced: bool
) -> None:
    engine = ModelsEngine({MODEL: serves(served)})

    row, outcomes = run(laptop_with(engine, tiered(wanted)))

    assert {request.tier for request in engine.asked(MODEL)} == {wanted}
    for outcome in outcomes:
        listed = cost_usd(MODEL, Usage(**outcome["usage"]))
        assert outcome["tier"] == served
        assert outcome["cost_usd"] == (listed if priced else None)
    assert (row.tally.cost_usd is not None) is priced
    assert row.estimate is not None
    assert (row.estimate["max_cost_usd"] is None) is (wanted == "priority")


def test_in_the_lane_flex_that_tier_is_asked_for_and_its_price_is_not_known() -> None:
    engine = ModelsEngine({MODEL: serves(None)})
    routes = [{"model": MODEL}]
    said = json.dumps({"name": "triage", "routes": routes, "models": {"*": MODEL}, "lane": "flex"})

    _, outcomes = run(laptop_with(engine, said))

    assert {request.tier for request in engine.asked(MODEL)} == {"flex"}
    assert [outcome["cost_usd"] for outcome in outcomes] == [None] * 3


def test_a_tier_that_is_at_its_limit_gives_way_to_the_same_model_in_another() -> None:
    def flex_is_full(request: Request) -> Completion:
        if request.tier == "flex":
            raise Unavailable("503")
        return replace(echo(request), tier=request.tier)

    engine = ModelsEngine({MODEL: flex_is_full})
    said = tiered("flex", "default", fallback=["unavailable"])

    _, outcomes = run(laptop_with(engine, said))

    assert [(each["route"], each["tier"]) for each in outcomes] == [(1, "default")] * 3


@pytest.mark.parametrize(("contract", "sample"), BESIDE.items())
def test_the_example_goes_on_when_its_model_is_at_its_limit(contract: str, sample: str) -> None:
    text = (DOCS / "contracts" / f"{contract}.yaml").read_text()
    first, second = (route.model for route in read_contract(text.encode(), name=contract).routes)
    engine = ModelsEngine({first: fails(Throttled("slow down"))})
    laptop = Laptop(engine=engine, chunk_records=50, models=(first, second))
    laptop.put_contract(contract, text)
    content = (DOCS / "samples" / sample).read_bytes()

    row = laptop.run(content, f"inbox/{contract}/{sample}")

    assert row.counts()["succeeded"] == row.total == SAMPLES[sample].records
    outcomes = laptop.results(row.job_id, "outcomes.jsonl")
    assert {(outcome["model"], outcome["route"]) for outcome in outcomes} == {(second, 1)}
