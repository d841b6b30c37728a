"""Routes to an endpoint of one's own: what a contract must say of it, and that Bedrock's tables do not speak of it."""

import pytest

from batchwright.charges import cost_usd_of, lane_cost_usd_of, most_of, spent_of
from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.contractadvice import advice_on
from batchwright.contractfile import examine, read_contract
from batchwright.engines import Engines
from batchwright.errors import ContractInvalid, RecordInvalid, Unavailable
from batchwright.governor import schedule_of
from batchwright.job import Status
from batchwright.limits import read_limits
from batchwright.prices import Price
from batchwright.record import Record
from batchwright.request import Request
from batchwright.route import Route
from batchwright.routing import route_for, routes_for
from batchwright.usage import Usage
from tests.canary import CANARY
from tests.fakes import MODEL, GrantedAccount, ScriptedEngine
from tests.laptop import Laptop, chat_file

URL = "https://llm.example.com/v1"
KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:llm/key-AbCdEf"
OWN = f"{{engine: openai, model: qwen, base_url: '{URL}', max_tokens: 100"
SERVED = (MODEL,)
USAGE = Usage(input_tokens=1_000_000, output_tokens=500_000)
REQUEST = Request(
    {
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        "inferenceConfig": {"maxTokens": 10},
    }
)


def written(route: str, more: str = "") -> bytes:
    return f"name: own\nroutes:\n  - {route}\n{more}".encode()


def contract(more: str = "}", rest: str = "models: {'*': qwen}") -> Contract:
    return read_contract(written(OWN + more, rest), name="own")


def record(**said: object) -> Record:
    return Record(**{"record_id": "r", "input_tokens": 1, "shape": None, **said})  # type: ignore[arg-type]


def test_a_route_of_ones_own_is_read_with_all_that_it_has() -> None:
    own = contract(f", secret: '{KEY}', rpm: 60, price: {{input: 0.5, output: 2}}}}")

    (route,) = own.routes
    assert (route.base_url, route.secret, route.rpm) == (URL, KEY, 60)
    assert route.price == Price(input=0.5, output=2)
    assert Contract.model_validate(own.to_json()).digest() == own.digest()


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ("{engine: openai, model: qwen}", "routes.0: engine: openai needs base_url, as https://"),
        (OWN + ", tier: flex}", "routes.0.tier: it is Bedrock's own"),
        (
            OWN + ", guardrail: {id: abc, version: '1'}}",
            "routes.0.guardrail: it is Bedrock's own",
        ),
        (
            f"{{model: '{MODEL}', base_url: '{URL}'}}",
            "routes.0.base_url: it is for engine: openai, and this route's is bedrock",
        ),
        (
            f"{{engine: bedrock, model: '{MODEL}', secret: '{KEY}'}}",
            "routes.0.secret: it is for engine: openai",
        ),
        (
            f"{{model: '{MODEL}', price: {{input: 1, output: 1}}}}",
            "routes.0.price: it is for engine: openai",
        ),
        (OWN + f", secret: {CANARY}}}", "routes.0.secret: the ARN of a secret in Secrets Manager"),
        (OWN + ", price: {input: -1, output: 2}}", "routes.0.price.input: 0 or more is wanted"),
        (OWN + ", price: {input: 1}}", "routes.0.price.output: this is needed"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place_and_what_to_do(route: str, told: str) -> None:
    with pytest.raises(ContractInvalid) as caught:
        read_contract(written(route), name="own")

    assert told in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://llm.example.com/v1", "https:// is wanted"),
        ("http://10.0.0.7:8000/v1", "https:// is wanted"),
        ("http://localhost.example.com/v1", "https:// is wanted"),
        ("ftp://llm.example.com/v1", "https:// is wanted"),
        ("llm.example.com/v1", "the host is missing"),
        ("https:///v1", "the host is missing"),
        (f"https://me:{CANARY}@llm.example.com/v1", "credentials have no place in an address"),
        (f"https://llm.example.com/v1?key={CANARY}", "leave out what stands behind ? or #"),
        ("https://llm.example.com/v1#", "leave out what stands behind ? or #"),
        ("https://llm.example.com:port/v1", "this is no address"),
        ("https://llm.example.com/v 1", "printable ASCII without spaces"),
        ("https://llm.example.com/\\u00e9", "printable ASCII without spaces"),
    ],
)
def test_prompts_and_keys_go_to_no_address_that_is_not_safe(address: str, told: str) -> None:
    route = f'{{engine: openai, model: qwen, base_url: "{address}"}}'

    (fault,) = examine(written(route), name="own").faults

    assert fault.path == "routes.0.base_url"
    assert told in fault.message
    assert CANARY not in fault.message


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_a_loopback_address_needs_no_tls(host: str) -> None:
    route = Route(engine="openai", model="qwen", base_url=f"http://{host}/v1")

    assert route.base_url == f"http://{host}/v1"


def test_it_is_asked_whatever_model_arns_say() -> None:
    assert route_for(contract(), record(model="gpt-4o"), SERVED).model == "qwen"


@pytest.mark.parametrize(
    "said",
    [
        {"embeds": True, "texts": 1},
        {"family": "anthropic", "native": True},
        {"family": "anthropic"},
    ],
)
def test_vectors_and_bodies_of_other_makers_are_not_asked_there(said: dict[str, object]) -> None:
    with pytest.raises(RecordInvalid) as caught:
        route_for(contract(), record(**said), SERVED)

    assert caught.value.code == "model_mismatch"


def test_it_stands_in_for_bedrock_and_bedrock_for_it() -> None:
    bedrock = f"{{model: '{MODEL}', max_tokens: 9}}"
    for routes in ((OWN + "}", bedrock), (bedrock, OWN + "}")):
        text = "name: own\nfallback: [unavailable]\nroutes: [" + ", ".join(routes) + "]\n"
        both = read_contract(text.encode(), name="own")

        assert routes_for(both, record(), SERVED) == both.routes


def test_it_does_not_stand_in_for_a_model_of_vectors() -> None:
    embedder = "amazon.titan-embed-text-v2:0"
    routes = f"[{{model: '{embedder}'}}, {OWN}}}]"
    both = read_contract(
        f"name: own\nfallback: [throttled]\nroutes: {routes}\n".encode(), name="own"
    )

    assert routes_for(both, record(embeds=True, texts=1), (embedder,)) == both.routes[:1]


def test_two_endpoints_of_one_model_have_schedules_and_failures_of_their_own() -> None:
    one, two = (
        Route(engine="openai", model="qwen", base_url=f"https://{host}/v1") for host in ("a", "b")
    )

    assert schedule_of(one) != schedule_of(two)
    assert one.asks != two.asks


def test_bedrocks_prices_and_quotas_are_not_those_of_a_namesake() -> None:
    namesake = Route(engine="openai", model=MODEL, base_url=URL)
    granted = GrantedAccount(granted={MODEL: 4_000_000})
    laptop = Laptop(account=granted, engine=ScriptedEngine())
    own = OWN.replace("qwen", f"'{MODEL}'") + "}"
    laptop.put_contract("own", written(own, f"models: {{'*': '{MODEL}'}}").decode())

    job_id = laptop.run(chat_file(1), "inbox/own/file.jsonl").job_id

    assert read_limits(job_id, laptop.objects).granted == {MODEL: None}
    assert cost_usd_of(namesake, USAGE) is None
    assert lane_cost_usd_of("on_demand", namesake, USAGE) is None
    assert (most_of(REQUEST, namesake), spent_of(namesake, USAGE)) == (None, None)


def test_its_calls_cost_what_its_contract_says() -> None:
    (route,) = contract(", price: {input: 0.5, output: 2}}").routes

    assert cost_usd_of(route, USAGE) == 1.5
    assert spent_of(route, USAGE) == 1_500_000_000
    assert (most_of(REQUEST, route) or 0) >= 20_000
    assert lane_cost_usd_of("on_demand", route, USAGE) == 1.5
    assert lane_cost_usd_of("bedrock_batch", route, USAGE) is None


def test_a_budget_without_its_price_is_refused() -> None:
    with pytest.raises(ContractInvalid, match=r"routes\.0: the budget needs its price"):
        contract(rest="models: {'*': qwen}\nbudget: {usd: 1}")

    assert contract(
        ", price: {input: 0, output: 0}}", "models: {'*': qwen}\nbudget: {usd: 1}"
    ).budget


def test_whoever_says_no_price_hears_that_costs_are_null() -> None:
    text = written(OWN + "}", "models: {'*': qwen}")

    told = [each.message for each in advice_on(text, read_contract(text, name="own"))]

    assert any("told as null" in message for message in told)


def test_a_job_is_answered_counted_and_kept_within_its_budget() -> None:
    laptop = Laptop(engine=ScriptedEngine())
    text = written(
        OWN + ", price: {input: 1, output: 1}}", "models: {'*': qwen}\nbudget: {usd: 0.01}"
    )
    laptop.put_contract("own", text.decode())

    row = laptop.run(chat_file(5), "inbox/own/file.jsonl")

    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == 5
    usage = row.tally.usage
    assert row.tally.cost_usd == pytest.approx((usage.input_tokens + usage.output_tokens) / 1e6)
    assert laptop.budgets.money(row.job_id).spent == round((row.tally.cost_usd or 0) * 1e9)
    assert f"openai#{URL}#qwen" in laptop.schedules.items


def down(_request: Request, _call: int) -> Completion:
    raise Unavailable("it is down")


@pytest.mark.parametrize("first", ["openai", "bedrock"])
def test_where_one_engine_is_down_the_other_answers(first: str) -> None:
    routes = {"openai": OWN + "}", "bedrock": f"{{model: '{MODEL}', max_tokens: 100}}"}
    other = next(name for name in routes if name != first)
    engines = {first: ScriptedEngine(down), other: ScriptedEngine()}
    laptop = Laptop(engine=Engines(engines))
    listed = f"[{routes[first]}, {routes[other]}]"
    target = MODEL if first == "bedrock" else "qwen"
    laptop.put_contract(
        "own",
        f"name: own\nfallback: [unavailable]\nroutes: {listed}\nmodels: {{'*': '{target}'}}\n",
    )

    row = laptop.run(chat_file(20), "inbox/own/file.jsonl")

    assert row.counts()["succeeded"] == 20
    assert len(engines[other].calls) == 20
    outcomes = laptop.results(row.job_id, "outcomes.jsonl")
    assert {outcome["route"] for outcome in outcomes} == {1}
    assert {outcome["cost_usd"] is None for outcome in outcomes} == {other == "openai"}
