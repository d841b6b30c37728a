"""Routes of contracts that lead to SageMaker's endpoints."""

from typing import Any

import pytest

from batchwright.container import Container
from batchwright.contract import Contract, contract_from_json
from batchwright.contractadvice import advice_on
from batchwright.contractfile import read_contract
from batchwright.errors import ContractInvalid, RecordInvalid
from batchwright.judging import route_of
from batchwright.record import Record
from batchwright.route import Route
from batchwright.routing import route_for, routes_for
from tests.fakes import MODEL, ScriptedEngine
from tests.laptop import Laptop, chat_file

SERVED = (MODEL,)


def contract(route: str, more: str = "") -> Contract:
    written = f"name: own\nroutes:\n  - {{engine: sagemaker, {route}}}\n{more}"
    return read_contract(written.encode(), name="own")


def record(model: str | None = None, **said: Any) -> Record:
    fields: dict[str, Any] = {"record_id": "r", "model": model, "input_tokens": 1, "shape": None}
    return Record(**fields, **said)


def test_the_endpoint_stands_for_its_model_and_its_container_is_told_none() -> None:
    route = contract("endpoint: qwen-small, max_tokens: 300").routes[0]

    assert (route.model, route.told_model) == ("qwen-small", None)
    assert route.container == Container(shape="openai")


def test_a_model_that_is_named_is_told_to_the_container() -> None:
    route = contract("endpoint: qwen-small, model: Qwen/Qwen3-4B").routes[0]

    assert (route.model, route.told_model) == ("Qwen/Qwen3-4B", "Qwen/Qwen3-4B")
    assert route.asks == ("sagemaker", "qwen-small", None)


def test_a_shape_is_named_in_short_or_written_by_the_contract() -> None:
    named = contract("endpoint: e, body: tgi").routes[0].container
    own = contract("endpoint: e, body: {jinja: '{}', answer: /0/text}").routes[0].container

    assert named == Container(shape="tgi")
    assert (own.jinja, own.answer) == ("{}", "/0/text")


def test_a_job_reads_its_contract_back_as_it_was() -> None:
    written = contract("endpoint: e, body: djl, payload: jsonl, in_flight: 50")

    again = contract_from_json(written.to_json())

    assert again == written
    assert again.digest() == written.digest()


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (
            "max_tokens: 5",
            "routes.0: engine: sagemaker needs endpoint, the endpoint's name: add it",
        ),
        ("model: a", "routes.0: engine: sagemaker needs endpoint, the endpoint's name: add it"),
        ("endpoint: under_score", "routes.0.endpoint: an endpoint's name is wanted"),
        ("endpoint: e, tier: flex", "routes.0.tier: it is Bedrock's own"),
        ("endpoint: e, timeout: 3601", "routes.0.timeout: 3,600 or less is wanted"),
        ("endpoint: e, body: vllm", "routes.0.body.shape: 'openai', 'tgi' or 'djl' is wanted"),
        ("endpoint: e, body: {jinja: '{}'}", "routes.0.body: say openai, tgi or djl, or else"),
        ("endpoint: e, body: {answer: /a}", "routes.0.body: say openai, tgi or djl, or else"),
        ("endpoint: e, body: {}", "routes.0.body: say openai, tgi or djl, or else"),
        ("endpoint: e, body: {shape: tgi, jinja: '{}', answer: /a}", "routes.0.body: say openai"),
        ("endpoint: e, body: {jinja: '{}', answer: a}", "routes.0.body.answer: a JSON Pointer"),
        ("endpoint: e, payload: csv", "routes.0.payload: 'record' or 'jsonl' is wanted"),
        ("endpoint: e, in_flight: 0", "routes.0.in_flight: more than 0 is wanted"),
        (
            "endpoint: e, base_url: https://a.example/v1",
            "routes.0.base_url: it is for engine: openai",
        ),
        (
            "endpoint: e, guardrail: {id: abc, version: '1'}",
            "routes.0.guardrail: it is Bedrock's own",
        ),
    ],
)
def test_what_an_endpoints_route_may_not_say_is_told_with_the_fix(route: str, told: str) -> None:
    with pytest.raises(ContractInvalid) as caught:
        contract(route)

    assert told in str(caught.value)


@pytest.mark.parametrize("said", ["endpoint: e", "body: tgi", "payload: record", "in_flight: 5"])
def test_what_is_an_endpoints_is_refused_at_bedrock(said: str) -> None:
    written = f"name: own\nroutes: [{{model: '{MODEL}', {said}}}]"
    name = said.partition(":")[0]

    with pytest.raises(ContractInvalid) as caught:
        read_contract(written.encode(), name="own")

    assert f"routes.0.{name}: it is for engine: sagemaker, and this route's is bedrock" in str(
        caught.value
    )


def test_an_endpoint_needs_no_models_arn() -> None:
    assert route_for(contract("endpoint: e"), record(), SERVED).endpoint == "e"


@pytest.mark.parametrize(
    "said", [{"native": True, "family": "nova"}, {"embeds": True}, {"family": "anthropic"}]
)
def test_native_bodies_and_vectors_are_not_for_an_endpoint(said: dict[str, Any]) -> None:
    with pytest.raises(RecordInvalid) as caught:
        route_for(contract("endpoint: e"), record(**said), SERVED)

    assert caught.value.code == "model_mismatch"


def test_an_endpoint_stands_in_for_a_model_of_bedrock_and_the_other_way_round() -> None:
    bedrock, endpoint = (
        Route(model=MODEL),
        Route.model_validate({"engine": "sagemaker", "endpoint": "e"}),
    )
    for routes in ((bedrock, endpoint), (endpoint, bedrock)):
        both = Contract(name="own", routes=routes, fallback=("unavailable",))

        assert routes_for(both, record(), SERVED) == routes


def test_a_model_that_is_called_as_one_of_bedrocks_has_no_price_of_bedrocks() -> None:
    assert not contract(f"endpoint: e, model: '{MODEL}'").routes[0].priced
    assert contract("endpoint: e, price: {input: 1, output: 2}").routes[0].priced


def test_two_routes_may_lead_to_one_model_on_two_endpoints() -> None:
    text = "endpoint: a, model: m}\n  - {engine: sagemaker, endpoint: b, model: m"

    assert len(contract(text, "fallback: [unavailable]\n").routes) == 2


def test_a_filters_judge_may_be_the_model_of_an_endpoint() -> None:
    own = contract("endpoint: e, max_tokens: 5, timeout: 900")

    route = route_of({"model": "e", "timeout": 60}, own)

    assert (route.engine, route.endpoint, route.timeout) == ("sagemaker", "e", 60)
    assert route_of({"model": MODEL, "timeout": 60}, own).engine == "bedrock"


def test_a_judge_that_a_route_leads_to_needs_no_models_arn() -> None:
    laptop = Laptop(engine=ScriptedEngine())
    judged = "filters: {output: [{judge: {model: e, criteria: be kind, then: review}}]}\nmodels: {'*': e}\n"
    laptop.put_contract("own", f"name: own\nroutes: [{{engine: sagemaker, endpoint: e}}]\n{judged}")

    job_id = laptop.drop(chat_file(1), "inbox/own/file.jsonl")

    assert laptop.row(job_id).reason is None


def test_an_endpoint_that_is_polled_for_every_record_is_asked_about() -> None:
    told = {}
    for lane in ("on_demand", "auto", "sagemaker_async"):
        text = f"name: own\nroutes: [{{engine: sagemaker, endpoint: e, max_tokens: 5}}]\nlane: {lane}\n"
        found = advice_on(text.encode(), read_contract(text.encode(), name="own"))
        told[lane] = [fault.path for fault in found if fault.path in {"lane", "deadline"}]

    assert told == {"on_demand": ["lane"], "auto": [], "sagemaker_async": []}
