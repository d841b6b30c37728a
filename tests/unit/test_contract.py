from datetime import timedelta
from typing import Any

import pytest

from batchwright.contract import Contract, contract_from_json, default_contract
from batchwright.contractfile import read_contract
from batchwright.errors import ContractInvalid, RecordInvalid
from batchwright.record import Record
from batchwright.request import Request
from batchwright.route import DEFAULT_MAX_TOKENS, Route
from batchwright.routing import route_for, routes_for
from batchwright.schema import structured_output

LITE = "us.amazon.nova-lite-v1:0"
SERVED = (LITE, "amazon.nova-micro-v1:0")
TRIAGE = f"""
name: triage
routes:
  - {{engine: bedrock, model: {LITE}, max_tokens: 300, temperature: 0}}
models: {{gpt-4o-mini: {LITE}, cheap: amazon.nova-micro-v1:0}}
"""
SONNET = "us.anthropic.claude-sonnet-4-20250514-v1:0"
TWO = f"name: triage\nroutes:\n  - {{model: '{LITE}'}}\n  - {{model: '{SONNET}'}}\n"
GUARDED = TRIAGE.replace("300", '300, guardrail: {id: abc, version: "1"}')
ASKS = "prompt: {user: 'Read {{ text }}'}\n"


def record(model: str | None = None, **said: Any) -> Record:
    return Record(record_id="r", model=model, input_tokens=1, shape=None, **said)


def request(**body: object) -> Request:
    return Request({"messages": [{"role": "user", "content": [{"text": "hello"}]}], **body})


def prepared(
    contract: Contract, asked: Record, what: Request, served: tuple[str, ...]
) -> tuple[Route, Request]:
    """Return whom a record is asked of, and its request as it goes there."""
    route = route_for(contract, asked, served)
    return route, contract.prepared(route, asked, what)


def triage(more: str = "") -> Contract:
    return read_contract((TRIAGE + more).encode(), name="triage")


def test_layout_and_order_do_not_change_the_digest() -> None:
    other = f"""
models:
    cheap: "amazon.nova-micro-v1:0"
    gpt-4o-mini: {LITE}
routes: [{{temperature: 0, max_tokens: 300, model: "{LITE}", engine: bedrock}}]
name: triage
"""

    assert read_contract(other.encode(), name="triage").digest() == triage().digest()


def test_a_changed_prompt_changes_the_digest() -> None:
    one, two = (triage(f"prompt: {{user: '{text}'}}") for text in ("{{ a }}", "{{ b }}"))

    assert one.digest() != two.digest()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: triage", "routes: this is needed, and is not there: add it"),
        (TRIAGE + "filter: {}", "filter: there is no such field; did you mean filters? (line 6)"),
        (
            TRIAGE + "filters: {output: [{lenght: 1}]}",
            "filters.output.0.lenght: there is no such field; did you mean length?",
        ),
        (TRIAGE + "filters: {output: [{}]}", "filters.output.0: an entry names one"),
        (
            TRIAGE + "filters: {output: [{length: block}]}",
            "filters.output.0.length: say max_chars, min_chars, or both",
        ),
        (
            TRIAGE + "filters: {input: [{length: {max_chars: 1, then: redact}}]}",
            "filters.input.0.length.then: 'pass', 'review' or 'block' is wanted",
        ),
        (TRIAGE.replace("300", "0"), "routes.0.max_tokens: more than 0 is wanted"),
        (
            TRIAGE.replace("engine: bedrock", "engine: oracle"),
            "routes.0.engine: 'bedrock', 'openai' or 'sagemaker' is wanted (line 4)",
        ),
        (TRIAGE + "  - [", "it is not YAML: see line 6"),
        (TRIAGE + "prompt: {user: '{% if %}'}", "prompt.user: line 1"),
        (
            TRIAGE.replace("name: triage", "name: other"),
            "name: 'other' stands here, and the file is triage.yaml: make them the same",
        ),
        (TRIAGE + "response: {schema: {const: 9007199254740993}}", "cannot carry exactly"),
        (
            TRIAGE + "response: {schema: {minimum: 1}}",
            "response.schema: minimum: this bound",
        ),
        ("\xff", "is not YAML"),
        (TRIAGE + "document: {}", "document: it needs a prompt"),
        (TRIAGE + ASKS + "document: {tokens: 0}", "document.tokens: 1 or more is wanted"),
        (TRIAGE + ASKS + "document: {tokens: 10, overlap: 5}", "less than half of tokens"),
        (TRIAGE + ASKS + "document: {overlap: 5}", "overlap and join need tokens"),
        (TRIAGE + ASKS + "document: {join: '{{ parts }}'}", "overlap and join need tokens"),
        (
            TRIAGE + ASKS + "document: {tokens: 10, join: '{{ texts }}'}",
            "document.join: a document has no 'texts'; it can use name, parts",
        ),
        (
            TRIAGE + ASKS + "document: {tokens: 10, join: '{% for %}'}",
            "document.join: line 1",
        ),
        (
            TRIAGE + "prompt: {user: '{{ text }}', system: '{{ title }}'}\ndocument: {}",
            "prompt.system: a document has no 'title'; it can use name, part, text",
        ),
        ("just text", "'triage': fields are wanted here"),
        (TRIAGE + "strict: 2001-13-45", "strict: YAML reads this as a date: put it in quotes"),
        (TRIAGE + "response: {schema: {properties: {1: {minimum: 0}}}}", "response.schema"),
        (TRIAGE + "deadline: 15d", "deadline: at most 14d"),
        (TRIAGE + "deadline: 337h", "deadline: at most 14d"),
        (TRIAGE + "deadline: 0h", "deadline: a whole number and m, h or d is wanted"),
        (TRIAGE + "deadline: 1.5h", "deadline: a whole number and m, h or d is wanted"),
        (TRIAGE + "deadline: 24", "deadline: text is wanted, and YAML reads this as a number"),
        (
            TRIAGE + "retention: {results: 30m}",
            "retention.results: a whole number and h or d is wanted, as 36h or 30d (line 6)",
        ),
        (
            TRIAGE + "response: {name: 'my answer', schema: {type: object}}",
            "response.name: letters, digits, _ and - are wanted, 64 at most, as answer (line 6)",
        ),
        (
            TRIAGE + "filters: {output: [{pii: {regions: [US, de]}}]}",
            "filters.output.0.pii.regions.1: two capital letters of a country are wanted, as DE",
        ),
        (
            TRIAGE + "filters: {output: [{pii: {recognisers: [{name: Staff, pattern: x}]}}]}",
            "recognisers.0.name: lower-case letters, digits and _ are wanted, 40 at most",
        ),
        (
            TRIAGE + "filters: {output: [{function: {arn: checks}}]}",
            "filters.output.0.function.arn: a Lambda function's ARN is wanted, as arn:aws:lambda:us-east-1",
        ),
        (
            TRIAGE + "filters: {output: [{guardrail: {id: My Guardrail, version: 1}}]}",
            "filters.output.0.guardrail.id: a guardrail's id or ARN is wanted, as abc123def456 (line 6)",
        ),
        (TRIAGE + "budget: {usd: 0}", "budget.usd: more than 0 is wanted"),
        (TRIAGE + "budget: {usd: .inf}", "budget.usd: 1,000,000 or less is wanted"),
        (TRIAGE + "budget: {usd: .nan}", "budget.usd: "),
        (TRIAGE + "budget: {usd: 1000001}", "budget.usd: 1,000,000 or less is wanted"),
        (TRIAGE + "budget: {eur: 5}", "budget.eur: there is no such field; there are usd"),
        (TRIAGE + "budget: 5", "budget: fields are wanted here, as {usd: …}"),
        (TRIAGE + "max_attempts: 0", "max_attempts: 1 or more is wanted"),
        (TRIAGE + "fallback: [unavailable]", "fallback: it needs a second route"),
        (TRIAGE + "fallback: unavailable", "fallback: a list is wanted"),
        (TWO + "fallback: [slow]", "fallback.0: 'unavailable', 'throttled' or 'denied' is wanted"),
        (TWO, "routes.1: nothing leads to it: name its model under models:, or say"),
        (TWO.replace(SONNET, LITE), "routes: one stands there twice"),
        (
            TWO.replace("- {model", 4 * "- {model: x.y}\n  " + "- {model"),
            "routes: 4 at most are wanted, and there are 10",
        ),
        (
            TWO.replace(SONNET, "somebody.new-model") + "fallback: [denied]\nbudget: {usd: 5}",
            "budget: the price of 'somebody.new-model' is not known, so it cannot be a fallback",
        ),
        (
            TRIAGE.replace("300", "300, tier: reserved"),
            "routes.0.tier: 'flex', 'default' or 'priority' is wanted",
        ),
        (
            TRIAGE.replace("300", "300, tier: priority") + "budget: {usd: 5}",
            "budget: it needs a price, and that of tier: priority is not known",
        ),
        (
            TWO.replace(f"'{SONNET}'", f"'{LITE}', tier: flex") + "models: {a: x.y}",
            "routes.1: nothing leads to it",
        ),
        (TRIAGE + "max_attempts: 21", "max_attempts: 20 or less is wanted"),
        (TRIAGE + "lane: bedrock-batch", "did you mean bedrock_batch? (line 6)"),
        (TRIAGE + "lane: batch", "lane: 'on_demand', 'flex', 'bedrock_batch', 'sagemaker_async'"),
        (
            TRIAGE + "lane: sagemaker_async",
            "lane: sagemaker_async asks engine: sagemaker, and routes.0 has bedrock: give it that",
        ),
        (TRIAGE + "lane: auto\nmissing: drop", "missing: 'on_demand' or 'fail' is wanted (line 7)"),
        (
            TRIAGE + "missing: fail",
            "missing: nothing is left without an answer with lane: on_demand",
        ),
        (TRIAGE + "lane: flex\nmissing: on_demand", "with lane: flex: take it out, or say"),
        (
            GUARDED + "lane: bedrock_batch",
            "routes.0.guardrail: a batch is asked without one: make it a filter",
        ),
        (
            TRIAGE.replace("300", "300, tier: flex") + "lane: bedrock_batch",
            "routes.0.tier: a batch has no tiers: take it out, or say lane: on_demand (line 4)",
        ),
        (
            TWO.replace(f"'{SONNET}'", f"'{LITE}', tier: flex")
            + "lane: flex\nfallback: [throttled]",
            "routes: one stands there twice",
        ),
    ],
)
def test_a_fault_is_told_with_its_path(text: str, told: str) -> None:
    with pytest.raises(ContractInvalid, match=r"triage|prompt\.|document\.") as caught:
        read_contract(text.encode("latin-1"), name="triage")

    assert told in str(caught.value)


def test_a_fault_never_quotes_the_prompt() -> None:
    with pytest.raises(ContractInvalid) as caught:
        read_contract((TRIAGE + "prompt: {user: [canary-4711]}").encode(), name="triage")

    assert "canary" not in str(caught.value)


def test_another_order_of_the_answers_properties_is_another_contract() -> None:
    first = triage("response: {schema: {properties: {why: {}, answer: {}}}}")
    other = triage("response: {schema: {properties: {answer: {}, why: {}}}}")

    assert first.digest() != other.digest()
    assert contract_from_json(first.to_json()).digest() == first.digest()


def test_a_name_in_the_file_is_asked_of_the_model_that_the_contract_says() -> None:
    assert route_for(triage(), record("gpt-4o-mini"), SERVED).model == LITE
    assert route_for(triage(), record("cheap"), SERVED).model == "amazon.nova-micro-v1:0"
    assert route_for(triage(), record(None), SERVED).model == LITE


def test_a_name_that_the_contract_does_not_know_is_refused() -> None:
    with pytest.raises(RecordInvalid, match="under models:") as caught:
        route_for(triage(), record("gpt-5"), SERVED)

    assert caught.value.code == "model_not_found"


def test_a_model_that_the_stack_may_not_ask_is_refused() -> None:
    with pytest.raises(RecordInvalid, match="ModelArns") as caught:
        route_for(triage(), record("cheap"), served=(LITE,))

    assert caught.value.code == "model_not_found"


def test_the_star_takes_every_other_name() -> None:
    contract = read_contract(TRIAGE.replace("cheap:", '"*":').encode(), name="triage")

    assert route_for(contract, record("whatever"), SERVED).model == "amazon.nova-micro-v1:0"


def test_without_a_contract_names_of_other_houses_go_to_the_first_model() -> None:
    for name in ("gpt-4o-mini", "claude-3.5-sonnet", "gpt-4.1-mini", "gemini-2.5-flash", None):
        assert route_for(default_contract(SERVED), record(name), SERVED).model == LITE


def test_without_a_contract_a_bedrock_model_is_asked_as_it_stands_or_not_at_all() -> None:
    contract = default_contract(SERVED)

    assert (
        route_for(contract, record("amazon.nova-micro-v1:0"), SERVED).model
        == "amazon.nova-micro-v1:0"
    )
    for name in ("us.anthropic.claude-opus-4-20250514-v1:0", "meta.llama3-1-8b-instruct-v1:0"):
        with pytest.raises(RecordInvalid) as caught:
            route_for(contract, record(name), SERVED)
        assert caught.value.code == "model_not_found"


OWN = f"name: default\nroutes: [{{model: '{LITE}', max_tokens: 50}}]\nmodels: {{'*': '{LITE}'}}\n"


def test_a_contract_of_ones_own_called_default_is_read_as_it_is_written() -> None:
    contract = read_contract(OWN.encode(), name="default")
    served = (SONNET, LITE)

    for name in ("gpt-4o-mini", SONNET, None):
        assert route_for(contract, record(name), served) is contract.routes[0]


def test_a_contract_called_default_that_asks_ones_own_server_asks_nobody_else() -> None:
    way = "{engine: openai, base_url: 'https://llm.example/v1', model: qwen}"
    contract = read_contract(f"name: default\nroutes: [{way}]".encode(), name="default")

    assert route_for(contract, record(None), SERVED) is contract.routes[0]
    assert refusal(contract, record("gpt-4o-mini"), *SERVED).code == "model_not_found"


def test_the_built_in_contract_is_known_again_when_it_comes_back_from_a_job() -> None:
    contract = contract_from_json(default_contract(SERVED).to_json())

    assert contract.built_in
    assert not read_contract(OWN.encode(), name="default").built_in
    assert not triage().built_in
    assert not Contract(name="default", routes=(Route(model="amazon.*"),)).built_in


def test_a_pattern_serves_every_model_that_fits() -> None:
    assert (
        route_for(triage(), record("cheap"), served=("amazon.nova-*",)).model
        == "amazon.nova-micro-v1:0"
    )


def test_the_contract_speaks_only_where_the_request_is_silent() -> None:
    _, silent = prepared(triage(), record(), request(), SERVED)
    _, loud = prepared(triage(), record(), request(inferenceConfig={"maxTokens": 7}), SERVED)

    assert silent.body["inferenceConfig"] == {"maxTokens": 300, "temperature": 0}
    assert loud.body["inferenceConfig"] == {"maxTokens": 7, "temperature": 0}


def test_no_request_goes_out_without_max_tokens() -> None:
    _, sent = prepared(default_contract(SERVED), record(), request(), SERVED)

    assert sent.max_tokens == DEFAULT_MAX_TOKENS


def test_the_response_schema_is_sent_as_structured_output() -> None:
    schema = '{"type":"object","properties":{"why":{"type":"string"},"tag":{"type":"string"}}}'
    contract = triage(f"response: {{schema: {schema}}}")

    _, sent = prepared(contract, record(), request(), SERVED)
    _, own = prepared(contract, record(), request(outputConfig={"effort": "low"}), SERVED)

    assert sent.body["outputConfig"] == structured_output(schema, "answer")
    assert own.body["outputConfig"] == {"effort": "low"}


def test_a_contract_comes_back_from_a_job_as_it_was_admitted() -> None:
    contract = triage("response: {schema: {type: object}}\nprompt: {user: '{{ a }}'}")

    again = Contract.model_validate(contract.to_json())

    assert again == contract
    assert again.digest() == contract.digest()


@pytest.mark.parametrize(
    ("deadline", "lifetime"),
    [
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("14d", timedelta(days=14)),
        ("336h", timedelta(days=14)),
    ],
)
def test_a_contract_says_how_long_a_job_may_take(deadline: str, lifetime: timedelta) -> None:
    assert triage(f"deadline: {deadline}").lifetime == lifetime


def test_a_contract_says_what_a_job_may_cost_and_how_often_a_record_is_asked() -> None:
    said = triage("budget: {usd: 0.25}\nmax_attempts: 3")

    assert said.budget is not None
    assert said.budget.billionths == 250_000_000
    assert said.max_attempts == 3
    assert Contract.model_validate(said.to_json()) == said


def test_where_a_contract_is_silent_a_job_has_a_day_six_attempts_a_record_and_no_budget() -> None:
    silent = triage()

    assert (silent.lifetime, silent.max_attempts, silent.budget) == (timedelta(days=1), 6, None)


TITAN, COHERE = "amazon.titan-embed-text-v2:0", "eu.cohere.embed-v4:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"


def native(model: str, **said: Any) -> Contract:
    return Contract(name="native", routes=(Route(model=model, **said),))


def llama(**said: Any) -> Record:
    return record(family="llama", native=True, **said)


def vectors(**said: Any) -> Record:
    return record("text-embedding-3-small", embeds=True, **said)


def test_without_a_contract_vectors_are_asked_of_the_first_model_that_offers_them() -> None:
    served = (LITE, TITAN, COHERE)
    contract = default_contract(served)

    assert route_for(contract, vectors(texts=1), served).model == TITAN
    assert route_for(contract, vectors(texts=5), served).model == COHERE


def refusal(contract: Contract, asked: Record, *served: str) -> RecordInvalid:
    with pytest.raises(RecordInvalid) as caught:
        route_for(contract, asked, served)
    return caught.value


def test_a_native_body_gets_a_limit_where_it_is_silent_and_nothing_else() -> None:
    contract = native(LLAMA, max_tokens=300, temperature=0)

    _, silent = prepared(contract, llama(), Request({"prompt": "x"}, "llama"), (LLAMA,))
    loud = Request({"prompt": "x", "max_gen_len": 7}, "llama")

    assert silent == Request({"prompt": "x", "max_gen_len": 300}, "llama")
    assert prepared(contract, llama(max_tokens=7), loud, (LLAMA,))[1] == loud


def test_a_family_is_never_asked_for_more_than_it_writes() -> None:
    contract = native(LLAMA, max_tokens=4000)
    route = route_for(contract, llama(), (LLAMA,))

    assert contract.default_limit(llama(), route) == 2048
    assert contract.default_limit(record(), route) == 4000
    _, sent = prepared(contract, llama(), Request({"prompt": "x"}, "llama"), (LLAMA,))
    assert sent.max_tokens == 2048


def test_a_native_body_is_asked_of_its_family_only() -> None:
    contract = default_contract((LITE, LLAMA))

    assert route_for(contract, llama(), (LITE, LLAMA)).model == LLAMA
    fault = refusal(contract, llama(), LITE)
    assert (fault.code, "family llama" in str(fault)) == ("model_mismatch", True)


def test_the_contracts_schema_is_not_dropped_where_it_cannot_be_sent() -> None:
    contract = triage("response: {schema: {type: object}}")
    body = record(family="nova", native=True)

    fault = refusal(contract, body, *SERVED)

    assert (fault.code, fault.param) == ("invalid_request", "modelInput")
    assert route_for(contract, record(family="nova"), SERVED).model == LITE, (
        "by Converse it is sent"
    )


def test_vectors_are_asked_of_the_first_model_that_makes_them() -> None:
    served = (LITE, "amazon.titan-embed-image-v1", TITAN)
    contract = default_contract(served)

    assert route_for(contract, vectors(texts=1), served).model == TITAN
    assert contract.default_limit(vectors(), Route(model=TITAN)) == 0
    assert refusal(contract, vectors(texts=1), LITE).code == "model_mismatch"


def test_a_model_whose_words_are_not_known_is_asked_for_no_vectors() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    contract = Contract(name="native", routes=(Route(model=arn),), models={"*": arn})

    assert refusal(contract, vectors(texts=1), arn).code == "model_mismatch"
    own = record(family="titan_embed", native=True, embeds=True, texts=1)
    assert route_for(contract, own, (arn,)).model == arn


@pytest.mark.parametrize(
    ("model", "said", "param"),
    [
        (TITAN, {"texts": 2}, "body.input"),
        (COHERE, {"texts": 97}, "body.input"),
        (TITAN, {"texts": 1, "dimensions": 1536}, "body.dimensions"),
        (COHERE, {"texts": 1, "dimensions": 3072}, "body.dimensions"),
        ("cohere.embed-english-v3", {"texts": 1, "dimensions": 512}, "body.dimensions"),
        ("amazon.titan-embed-text-v1", {"texts": 1, "dimensions": 256}, "body.dimensions"),
        (
            "amazon.titan-embed-text-v1",
            {"texts": 1, "dimensions": 256, "family": "titan_embed", "native": True},
            "modelInput.dimensions",
        ),
        (
            "cohere.embed-multilingual-v3",
            {"texts": 1, "dimensions": 256, "family": "cohere_embed", "native": True},
            "modelInput.output_dimension",
        ),
    ],
)
def test_more_than_an_embedding_model_offers_is_refused(
    model: str, said: dict[str, Any], param: str
) -> None:
    contract = Contract(name="native", routes=(Route(model=model),), models={"*": model})

    fault = refusal(contract, vectors(**said), model)

    assert (fault.code, fault.param) == ("invalid_request", param)
    assert model in str(fault)


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        (TITAN, {"texts": ["a"]}, {"inputText": "a"}),
        (TITAN, {"texts": ["a"], "dimensions": 256}, {"inputText": "a", "dimensions": 256}),
        ("amazon.titan-embed-text-v1", {"texts": ["a"], "dimensions": 1536}, {"inputText": "a"}),
        (
            COHERE,
            {"texts": ["a", "b"], "dimensions": 1024},
            {"texts": ["a", "b"], "input_type": "search_document", "output_dimension": 1024},
        ),
        (
            "cohere.embed-english-v3",
            {"texts": ["a"], "dimensions": 1024},
            {"texts": ["a"], "input_type": "search_document"},
        ),
    ],
)
def test_texts_are_put_into_the_words_of_the_routes_model(
    model: str, asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    contract = default_contract((model,))
    one = vectors(texts=len(asked["texts"]), dimensions=asked.get("dimensions"))

    route, request = prepared(contract, one, Request(asked, "embedding"), (model,))

    assert route.model == model
    assert request.body == sent
    assert request.family in {"titan_embed", "cohere_embed"}


def test_a_contract_says_how_documents_are_cut_and_joined() -> None:
    contract = triage(
        ASKS
        + "document: {tokens: 1500, overlap: 150, join: '{% for part in parts %}{{ part }}{% endfor %}{{ name }}'}"
    )

    assert contract.document is not None
    assert (contract.document.tokens, contract.document.overlap) == (1500, 150)
    assert Contract.model_validate(contract.to_json()) == contract


def test_a_later_route_needs_no_fallback_where_a_name_in_the_file_leads_to_it() -> None:
    text = f"{TWO}models: {{good: '{SONNET}'}}"

    contract = read_contract(text.encode(), name="triage")

    served = (LITE, SONNET)
    assert [route.model for route in routes_for(contract, record(), served)] == [LITE]
    assert [route.model for route in routes_for(contract, record("good"), served)] == [SONNET]


def standing_in(first: str, *others: str, asked: Record) -> list[str]:
    """Whom a contract with all these routes asks, if need be, for such a record."""
    routes = tuple(Route(model=model) for model in (first, *others))
    contract = Contract(
        name="all", routes=routes, models={"*": first}, fallback=("unavailable", "denied")
    )
    return [route.model for route in routes_for(contract, asked, (first, *others))]


def test_only_a_model_that_reads_the_line_stands_in() -> None:
    assert standing_in(LITE, TITAN, SONNET, asked=record()) == [LITE, SONNET]
    assert standing_in(SONNET, LITE, asked=record(family="anthropic")) == [SONNET]


def test_a_native_body_has_no_fallback_whose_family_the_name_does_not_tell() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    other = "meta.llama3-3-70b-instruct-v1:0"

    assert standing_in(LLAMA, LITE, arn, other, asked=llama()) == [LLAMA, other]


def test_vectors_fall_back_to_the_same_model_elsewhere_and_to_no_other() -> None:
    here, there = "eu.cohere.embed-v4:0", "us.cohere.embed-v4:0"

    found = standing_in(here, "cohere.embed-english-v3", TITAN, there, asked=vectors(texts=1))

    assert found == [here, there]


def test_a_model_that_only_a_name_in_the_file_leads_to_has_no_fallbacks() -> None:
    text = f"{TWO}models: {{cheap: amazon.nova-micro-v1:0}}\nfallback: [unavailable]"
    contract = read_contract(text.encode(), name="triage")

    (only,) = routes_for(contract, record("cheap"), (*SERVED, SONNET))

    assert only.model == "amazon.nova-micro-v1:0"
    assert contract.place_of(only) is None


def test_the_same_model_in_another_tier_is_another_route() -> None:
    routes = (Route(model=LITE, tier="flex"), Route(model=LITE, tier="default"))
    contract = Contract(name="patient", routes=routes, fallback=("throttled",))

    found = routes_for(contract, record(), SERVED)

    asked = [contract.prepared(route, record(), request()) for route in found]
    assert [each.tier for each in asked] == ["flex", "default"]
    assert asked[0].body == asked[1].body


def test_a_contract_asks_on_demand_where_it_says_no_lane() -> None:
    assert (triage().lane, triage().missing) == ("on_demand", "on_demand")
    assert default_contract(SERVED).lane == "on_demand"


@pytest.mark.parametrize("lane", ["on_demand", "flex", "bedrock_batch", "auto"])
def test_a_lane_is_part_of_what_the_author_wrote(lane: str) -> None:
    said = triage(f"lane: {lane}\n")

    assert said.lane == said.to_json()["lane"] == lane
    assert "lane" not in triage().to_json()
    assert contract_from_json(said.to_json()) == said
    assert said.digest() != triage().digest()


def test_the_lane_flex_is_the_tier_of_every_route_that_says_none() -> None:
    text = TWO.replace(f"'{SONNET}'", f"'{LITE}', tier: default")
    contract = read_contract(f"{text}lane: flex\nfallback: [throttled]".encode(), name="triage")
    named = triage("lane: flex")

    found = routes_for(contract, record(), SERVED)
    without_a_route = route_for(named, record("cheap"), SERVED)

    assert [contract.prepared(each, record(), request()).tier for each in found] == [
        "flex",
        "default",
    ]
    assert named.place_of(without_a_route) is None
    assert named.prepared(without_a_route, record(), request()).tier == "flex"
    assert "tier" not in contract.to_json()["routes"][0]


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (llama(), Request({"prompt": "x"}, "llama")),
        (llama(max_tokens=7), Request({"prompt": "x", "max_gen_len": 7}, "llama")),
        (vectors(texts=1), Request({"texts": ["a"]}, "embedding")),
        (record(), request()),
    ],
)
def test_every_kind_of_request_carries_its_routes_tier(asked: Record, what: Request) -> None:
    model = TITAN if asked.embeds else LLAMA
    route = Route(model=model, tier="priority")

    sent = Contract(name="quick", routes=(route,)).prepared(route, asked, what)

    assert sent.tier == "priority"
    if not asked.embeds:
        assert sent.with_max_tokens(99).tier == "priority"
