"""A guardrail at the call itself: nothing goes round it, and it looks at what the prompt says it shall."""

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.contractfile import read_contract
from batchwright.errors import ContractInvalid, RecordInvalid
from batchwright.passages import request_with, texts_asked
from batchwright.record import Record
from batchwright.request import Request
from batchwright.routing import route_for, routes_for
from batchwright.template import Template
from batchwright.usage import Usage
from tests.fakes import MODEL, ScriptedEngine
from tests.laptop import Laptop, chat_file

OTHER = "us.amazon.nova-micro-v1:0"
GUARD = 'guardrail: {id: abc123, version: "3"}'
CONFIG = {"guardrailIdentifier": "abc123", "guardrailVersion": "3", "trace": "disabled"}
HEAD = f"""
name: safe
routes: [{{model: '{MODEL}', max_tokens: 9, {GUARD}}}]
models: {{'*': '{MODEL}', other: '{OTHER}'}}
"""


def contract(more: str = "", head: str = HEAD) -> Contract:
    return read_contract((head + more).encode(), name="safe")


def record(**said: Any) -> Record:
    return Record(record_id="r", input_tokens=1, shape=None, **{"model": None, **said})


def asked_by(laptop: Laptop) -> list[dict[str, Any]]:
    assert isinstance(laptop.engine, ScriptedEngine)
    return [call.body for call in laptop.engine.calls]


def fits_converse(body: dict[str, Any]) -> bool:
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    shape = model.operation_model("Converse").input_shape
    assert shape is not None
    return not ParamValidator().validate({"modelId": MODEL, **body}, shape).has_errors()


def test_every_call_names_the_guardrail() -> None:
    laptop = Laptop()
    laptop.put_contract("safe", HEAD)

    laptop.run(chat_file(2), "inbox/safe/file.jsonl")

    bodies = asked_by(laptop)
    assert [body["guardrailConfig"] for body in bodies] == [CONFIG] * 2
    assert all(map(fits_converse, bodies))


def test_what_it_intervenes_in_is_blocked() -> None:
    def intervene(_request: Request, _call: int) -> Completion:
        usage = Usage(input_tokens=5, output_tokens=5)
        return Completion(
            content=[{"text": "Sorry."}],
            stop_reason="guardrail_intervened",
            usage=usage,
            latency_ms=5,
            request_id="request-1",
        )

    laptop = Laptop(engine=ScriptedEngine(intervene))
    laptop.put_contract("safe", HEAD)

    row = laptop.run(chat_file(2), "inbox/safe/file.jsonl")

    assert row.counts()["blocked"] == 2
    codes = [line["error"]["code"] for line in laptop.results(row.job_id, "outcomes.jsonl")]
    assert codes == ["content_filtered"] * 2


def test_a_name_that_leads_to_a_model_without_a_route_does_not_go_round_it() -> None:
    route = route_for(contract(), record(model="other"), (MODEL, OTHER))

    assert (route.model, route.guardrail) == (OTHER, contract().routes[0].guardrail)


@pytest.mark.parametrize("said", [{"family": "nova", "native": True}, {"embeds": True, "texts": 1}])
def test_what_it_cannot_look_at_is_refused(said: dict[str, Any]) -> None:
    titan = "amazon.titan-embed-text-v2:0"
    head = HEAD.replace(MODEL, titan) if "embeds" in said else HEAD

    with pytest.raises(RecordInvalid, match="has a guardrail, which looks only at"):
        routes_for(contract(head=head), record(**said), (MODEL, titan))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD.replace('"3"', "DRAFT"), "routes.0.guardrail.version: a version's number is wanted"),
        (HEAD.replace('"3"', "3"), "routes.0.guardrail.version: text is wanted, and YAML reads"),
        (HEAD.replace("abc123", "My Guard"), "routes.0.guardrail.id: a guardrail's id or ARN"),
        (
            f"name: safe\nroutes: [{{model: '{MODEL}', {GUARD}}}, {{model: '{OTHER}'}}]\nfallback: [throttled]",
            "routes.1: another route has a guardrail, and this one would go round it",
        ),
        (
            HEAD + "prompt: {user: 'x', system: '{{ a | guarded }}'}",
            "prompt.system: guarded is for",
        ),
        (
            HEAD.replace(f", {GUARD}", "") + "prompt: {user: '{{ a | guarded }}'}",
            "prompt.user: guarded is for prompt.user, where the routes have a guardrail",
        ),
        (HEAD + "prompt: {user: '{{ a | guarded | upper }}'}", "guarded stands last"),
        (HEAD + "prompt: {user: '{{ \"a\" ~ (a | guarded) }}'}", "guarded stands last"),
    ],
)
def test_what_would_leave_something_unguarded_is_a_fault(text: str, told: str) -> None:
    with pytest.raises(ContractInvalid) as caught:
        read_contract(text.encode(), name="safe")

    assert told in str(caught.value)


def test_a_guarded_column_is_a_block_of_its_own() -> None:
    laptop = Laptop()
    prompt = "prompt: {user: 'Sort {{ text | quoted | guarded }} by {{ price }}.'}"
    laptop.put_contract("safe", HEAD + prompt)

    row = laptop.run(b"id,text,price\n1,a < b,5\n", "inbox/safe/file.csv")

    assert row.counts()["succeeded"] == 1
    (body,) = asked_by(laptop)
    guarded = {"guardContent": {"text": {"text": "<text>\na < b\n</text>"}}}
    assert body["messages"][0]["content"] == [{"text": "Sort "}, guarded, {"text": " by 5."}]
    assert fits_converse(body)


def test_blank_pieces_make_no_blocks() -> None:
    template = Template("{{ a | guarded }} {{ b | guarded }}{{ b }}{{ a }}", name="prompt.user")

    assert template.guards
    assert template.render({"a": "x", "b": ""}) == "x x"
    assert template.blocks({"a": "x", "b": ""}) == [
        {"guardContent": {"text": {"text": "x"}}},
        {"text": "x"},
    ]


def test_filters_look_at_guarded_texts_and_not_at_the_guardrails_name() -> None:
    said = {"guardContent": {"text": {"text": "secret"}}}
    body = {"messages": [{"role": "user", "content": [said]}], "guardrailConfig": CONFIG}

    assert texts_asked(Request(body)) == ["secret"]
    redacted = request_with(body, {"secret": "[X]", "abc123": "[Y]"})
    assert redacted["messages"][0]["content"] == [{"guardContent": {"text": {"text": "[X]"}}}]
    assert redacted["guardrailConfig"] == CONFIG
