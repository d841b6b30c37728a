from typing import Any

import pytest

from batchwright.contract import (
    DEFAULT_MAX_TOKENS,
    Contract,
    default_contract,
    read_contract,
)
from batchwright.errors import ContractInvalid, RecordInvalid
from batchwright.record import Record
from batchwright.request import Request
from batchwright.schema import structured_output

LITE = "us.amazon.nova-lite-v1:0"
SERVED = (LITE, "amazon.nova-micro-v1:0")
TRIAGE = f"""
name: triage
routes:
  - {{engine: bedrock, model: {LITE}, max_tokens: 300, temperature: 0}}
models: {{gpt-4o-mini: {LITE}, cheap: amazon.nova-micro-v1:0}}
"""
ASKS = "prompt: {user: 'Read {{ text }}'}\n"


def record(model: str | None = None, **said: Any) -> Record:
    return Record(record_id="r", model=model, input_tokens=1, shape=None, **said)


def request(**body: object) -> Request:
    return Request({"messages": [{"role": "user", "content": [{"text": "hello"}]}], **body})


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
        ("name: triage", "routes: Field required"),
        (TRIAGE + "filters: {}", "filters: Extra inputs are not permitted"),
        (TRIAGE.replace("300", "0"), "routes.0.max_tokens: Input should be greater than 0"),
        (TRIAGE.replace("engine: bedrock", "engine: oracle"), "routes.0.engine: Input should be"),
        (TRIAGE + "  - [", "is not YAML: see line 6"),
        (TRIAGE + "prompt: {user: '{% if %}'}", "prompt.user: line 1"),
        (TRIAGE.replace("name: triage", "name: other"), "make them the same"),
        (TRIAGE + "response: {schema: {const: 9007199254740993}}", "cannot carry exactly"),
        (
            TRIAGE + "response: {schema: {minimum: 1}}",
            "response.schema: Value error, minimum: this bound",
        ),
        ("\xff", "is not YAML"),
        (TRIAGE + "document: {}", "document: it needs a prompt"),
        (TRIAGE + ASKS + "document: {tokens: 0}", "document.tokens: Input should be"),
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
        ("just text", "the file: Input should be"),
        (TRIAGE + "strict: 2001-13-45", "is not YAML"),
        (TRIAGE + "response: {schema: {properties: {1: {minimum: 0}}}}", "response.schema"),
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


def test_a_name_in_the_file_is_asked_of_the_model_that_the_contract_says() -> None:
    assert triage().route_for(record("gpt-4o-mini"), SERVED).model == LITE
    assert triage().route_for(record("cheap"), SERVED).model == "amazon.nova-micro-v1:0"
    assert triage().route_for(record(None), SERVED).model == LITE


def test_a_name_that_the_contract_does_not_know_is_refused() -> None:
    with pytest.raises(RecordInvalid, match="under models:") as caught:
        triage().route_for(record("gpt-5"), SERVED)

    assert caught.value.code == "model_not_found"


def test_a_model_that_the_stack_may_not_ask_is_refused() -> None:
    with pytest.raises(RecordInvalid, match="ModelArns") as caught:
        triage().route_for(record("cheap"), served=(LITE,))

    assert caught.value.code == "model_not_found"


def test_the_star_takes_every_other_name() -> None:
    contract = read_contract(TRIAGE.replace("cheap:", '"*":').encode(), name="triage")

    assert contract.route_for(record("whatever"), SERVED).model == "amazon.nova-micro-v1:0"


def test_without_a_contract_names_of_other_houses_go_to_the_first_model() -> None:
    for name in ("gpt-4o-mini", "claude-3.5-sonnet", "gpt-4.1-mini", "gemini-2.5-flash", None):
        assert default_contract(SERVED).route_for(record(name), SERVED).model == LITE


def test_without_a_contract_a_bedrock_model_is_asked_as_it_stands_or_not_at_all() -> None:
    contract = default_contract(SERVED)

    assert (
        contract.route_for(record("amazon.nova-micro-v1:0"), SERVED).model
        == "amazon.nova-micro-v1:0"
    )
    for name in ("us.anthropic.claude-opus-4-20250514-v1:0", "meta.llama3-1-8b-instruct-v1:0"):
        with pytest.raises(RecordInvalid) as caught:
            contract.route_for(record(name), SERVED)
        assert caught.value.code == "model_not_found"


def test_a_pattern_serves_every_model_that_fits() -> None:
    assert (
        triage().route_for(record("cheap"), served=("amazon.nova-*",)).model
        == "amazon.nova-micro-v1:0"
    )


def test_the_contract_speaks_only_where_the_request_is_silent() -> None:
    _, silent = triage().prepared(record(), request(), SERVED)
    _, loud = triage().prepared(record(), request(inferenceConfig={"maxTokens": 7}), SERVED)

    assert silent.body["inferenceConfig"] == {"maxTokens": 300, "temperature": 0}
    assert loud.body["inferenceConfig"] == {"maxTokens": 7, "temperature": 0}


def test_no_request_goes_out_without_max_tokens() -> None:
    _, sent = default_contract(SERVED).prepared(record(), request(), SERVED)

    assert sent.max_tokens == DEFAULT_MAX_TOKENS


def test_the_response_schema_is_sent_as_structured_output() -> None:
    schema = '{"properties":{"tag":{"type":"string"}},"type":"object"}'
    contract = triage("response: {schema: {properties: {tag: {type: string}}, type: object}}")

    _, sent = contract.prepared(record(), request(), SERVED)
    _, own = contract.prepared(record(), request(outputConfig={"effort": "low"}), SERVED)

    assert sent.body["outputConfig"] == structured_output(schema, "answer")
    assert own.body["outputConfig"] == {"effort": "low"}


def test_a_contract_comes_back_from_a_job_as_it_was_admitted() -> None:
    contract = triage("response: {schema: {type: object}}\nprompt: {user: '{{ a }}'}")

    again = Contract.model_validate(contract.to_json())

    assert again == contract
    assert again.digest() == contract.digest()


def test_a_contract_says_how_documents_are_cut_and_joined() -> None:
    contract = triage(
        ASKS
        + "document: {tokens: 1500, overlap: 150, join: '{% for part in parts %}{{ part }}{% endfor %}{{ name }}'}"
    )

    assert contract.document is not None
    assert (contract.document.tokens, contract.document.overlap) == (1500, 150)
    assert Contract.model_validate(contract.to_json()) == contract
