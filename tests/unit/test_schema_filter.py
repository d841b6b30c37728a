"""Answers that must be JSON of a schema: what is released, repaired, and what fails."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from batchwright.completion import Completion
from batchwright.contractfile import read_contract
from batchwright.digest import digest
from batchwright.errors import ContractInvalid, TimedOut
from batchwright.places import CACHE, QUARANTINE
from batchwright.request import Request
from batchwright.usage import Usage
from tests import natives
from tests.fakes import MODEL, ScriptedEngine
from tests.laptop import Laptop, chat_line, converse_line, jsonl
from tests.loopback import serving

SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["bug", "wish"]}, "n": {"type": "integer"}},
    "required": ["kind"],
    "additionalProperties": False,
}
NOVA = {"messages": [{"role": "user", "content": [{"text": "Hm?"}]}]}
GOOD = '{"kind": "bug", "n": 3}'
WRONG = '{"kind": "canary"}'


def said(*texts: str, **more: Any) -> Completion:
    content = [{"text": text} for text in texts]
    usage = Usage(input_tokens=10, output_tokens=5)
    return Completion(
        **{"content": content, "stop_reason": "end_turn", "usage": usage, "latency_ms": 7, **more}
    )


def saying(*answers: str | Completion) -> ScriptedEngine:
    def script(_: Request, call: int) -> Completion:
        answer = answers[min(call, len(answers) - 1)]
        return said(answer) if isinstance(answer, str) else answer

    return ScriptedEngine(script=script)


def laptop_for(
    engine: ScriptedEngine,
    entry: Any = "fail",
    *others: str,
    more: str = "",
    response: dict[str, Any] | None = None,
    model: str = MODEL,
) -> Laptop:
    laptop = Laptop(engine=engine, models=(model,))
    output = ", ".join([f"{{schema: {json.dumps(entry)}}}", *others])
    form = {"schema": SCHEMA} if response is None else response
    laptop.put_contract(
        "formed",
        f"""
name: formed
routes: [{{model: "{model}", max_tokens: 100, temperature: 0}}]
models: {{"*": "{model}"}}
filters: {{output: [{output}]}}
{f"response: {json.dumps(form)}" if form else ""}
{more}
""",
    )
    return laptop


def run(laptop: Laptop, *lines: dict[str, Any]) -> str:
    content = jsonl(lines or [chat_line("r0", "What is it?")])
    return laptop.run(content, "inbox/formed/file.jsonl").job_id


def outcome_of(laptop: Laptop, job_id: str) -> dict[str, Any]:
    (outcome,) = laptop.results(job_id, "outcomes.jsonl")
    return outcome


def released(laptop: Laptop, job_id: str) -> str:
    (line,) = laptop.results(job_id, "output.jsonl")
    content: str = line["response"]["body"]["choices"][0]["message"]["content"]
    return content


def kinds(outcome: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["kind"], each["verdict"]) for each in outcome["findings"]]


def everything(laptop: Laptop) -> str:
    keys = [*laptop.objects.keys("")]
    return "".join(
        laptop.objects.read(key).decode(errors="replace") for key in keys if "inbox" not in key
    )


def test_an_answer_that_fits_is_released_as_it_is() -> None:
    laptop = laptop_for(saying(GOOD), more="cache: {exact: 7d}")
    job_id = run(laptop)
    outcome = outcome_of(laptop, job_id)
    assert (outcome["status"], outcome["verdict"], outcome["findings"]) == ("succeeded", "pass", [])
    assert released(laptop, job_id) == GOOD
    assert len([*laptop.objects.keys(CACHE)]) == 1


@pytest.mark.parametrize(
    "answer",
    [
        f"```json\n{GOOD}\n```",
        f"Sure! Here it is:\n\n```\n{GOOD}\n```\nAnything else?",
        f"As [1] says, it is {GOOD}, I think.",
        f"First I thought of {WRONG}, but {GOOD}",
    ],
)
def test_json_is_taken_out_of_fences_and_prose(answer: str) -> None:
    laptop = laptop_for(saying(answer), more="cache: {exact: 7d}")
    job_id = run(laptop)
    outcome = outcome_of(laptop, job_id)
    assert (outcome["status"], kinds(outcome)) == ("succeeded", [("extracted", "pass")])
    assert released(laptop, job_id) == GOOD
    assert not [*laptop.objects.keys(CACHE)]


def test_nothing_is_taken_out_where_the_contract_says_so() -> None:
    laptop = laptop_for(saying(f"It is {GOOD}"), {"then": "fail", "extract": False})
    outcome = outcome_of(laptop, run(laptop))
    assert (outcome["status"], kinds(outcome)) == ("failed", [("not_json", "block")])


def test_what_does_not_fit_fails_and_lies_nowhere() -> None:
    laptop = laptop_for(saying(WRONG))
    outcome = outcome_of(laptop, run(laptop))
    assert (outcome["status"], kinds(outcome)) == ("failed", [("violation", "block")])
    assert outcome["error"] == {
        "code": "schema_violation",
        "message": "the answer does not fit its schema: enum at /kind",
        "param": None,
    }
    assert (outcome["attempts"], outcome["held"]) == (1, None)
    assert "canary" not in everything(laptop)


def test_names_that_the_model_made_up_are_not_told() -> None:
    schema = {"additionalProperties": {"type": "string"}}
    laptop = laptop_for(saying('{"canary": 1}'), {"schema": schema}, response={})
    outcome = outcome_of(laptop, run(laptop))
    assert outcome["error"]["message"] == "the answer does not fit its schema: type at /*"
    assert "canary" not in everything(laptop)


@pytest.mark.parametrize(("then", "status"), [("review", "review"), ("block", "blocked")])
def test_what_does_not_fit_can_be_held(then: str, status: str) -> None:
    laptop = laptop_for(saying(WRONG), then)
    outcome = outcome_of(laptop, run(laptop))
    assert (outcome["status"], kinds(outcome)) == (status, [("violation", then)])
    (key,) = laptop.objects.keys(QUARANTINE)
    assert WRONG in json.loads(laptop.objects.read(key))["answered"]


def test_what_does_not_fit_can_be_noted_only() -> None:
    laptop = laptop_for(saying(WRONG), "pass")
    job_id = run(laptop)
    outcome = outcome_of(laptop, job_id)
    assert (outcome["status"], kinds(outcome)) == ("succeeded", [("violation", "pass")])
    assert released(laptop, job_id) == WRONG


def test_a_model_repairs_its_answer_and_every_call_is_counted() -> None:
    engine = saying("It is a bug.", GOOD)
    laptop = laptop_for(engine, "repair", more="cache: {exact: 7d}\nbudget: {usd: 1}")
    job_id = run(laptop)
    outcome = outcome_of(laptop, job_id)
    assert (outcome["status"], kinds(outcome)) == ("succeeded", [("repaired", "pass")])
    assert (outcome["attempts"], outcome["usage"]["output_tokens"]) == (2, 10)
    assert outcome["cost_usd"] == pytest.approx(2 * (10 * 0.06 + 5 * 0.24) / 1e6)
    assert laptop.budgets.money(job_id).spent == round(outcome["cost_usd"] * 1e9)
    assert released(laptop, job_id) == GOOD
    assert not [*laptop.objects.keys(CACHE)]
    first, second = (call.body["messages"] for call in engine.calls)
    assert second[: len(first)] == first
    assert second[1] == {"role": "assistant", "content": [{"text": "It is a bug."}]}
    assert "not JSON" in second[2]["content"][0]["text"]


def test_a_repair_tells_the_model_what_is_wrong_and_the_schema_that_it_never_saw() -> None:
    engine = saying(WRONG, GOOD)
    laptop = laptop_for(engine, {"then": "repair", "schema": SCHEMA}, response={})
    assert outcome_of(laptop, run(laptop))["status"] == "succeeded"
    told = engine.calls[1].body["messages"][2]["content"][0]["text"]
    assert 'At /kind: the value is not one of "bug" or "wish"' in told
    assert json.dumps(SCHEMA, separators=(",", ":")) in told


@pytest.mark.parametrize(("repair", "calls"), [(0, 1), (1, 2), (3, 4)])
def test_a_record_fails_after_so_many_repairs(repair: int, calls: int) -> None:
    laptop = laptop_for(saying(WRONG), "repair", response={"schema": SCHEMA, "repair": repair})
    outcome = outcome_of(laptop, run(laptop))
    assert (outcome["error"]["code"], outcome["attempts"]) == ("schema_violation", calls)
    assert kinds(outcome) == [("violation", "block")]
    assert "canary" not in everything(laptop)


def test_repairs_may_be_told_without_a_schema() -> None:
    laptop = laptop_for(saying("no JSON"), "repair", response={"repair": 2})
    outcome = outcome_of(laptop, run(laptop))
    assert (outcome["error"]["message"], outcome["attempts"]) == ("the answer is not JSON", 3)


MISTRAL_CHAT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}


@pytest.mark.parametrize(
    ("family", "model", "body", "turn"),
    [
        ("nova", MODEL, natives.NOVA, [{"text": "no JSON"}]),
        ("anthropic", "us.anthropic.claude-haiku-4-5-20251001-v1:0", natives.CLAUDE, "no JSON"),
        ("openai", "openai.gpt-oss-20b-1:0", natives.GPT_OSS, "no JSON"),
        ("mistral", "mistral.mistral-large-2407-v1:0", MISTRAL_CHAT, "no JSON"),
    ],
)
def test_a_native_conversation_is_repaired_in_its_own_words(
    family: str, model: str, body: dict[str, Any], turn: Any
) -> None:
    engine = saying(said("no JSON", native={"a": "no JSON"}), said(GOOD, native={"a": GOOD}))
    laptop = laptop_for(engine, "repair", response={}, model=model)
    outcome = outcome_of(laptop, run(laptop, {"recordId": "r0", "modelInput": body}))
    assert (outcome["status"], kinds(outcome)) == ("succeeded", [("repaired", "pass")])
    first, second = engine.calls
    assert (first.family, second.family) == (family, family)
    assert second.body["messages"][:-2] == first.body["messages"]
    assert second.body["messages"][-2] == {"role": "assistant", "content": turn}
    assert "not JSON" in json.dumps(second.body["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("meta.llama3-1-8b-instruct-v1:0", natives.LLAMA),
        ("mistral.mistral-7b-instruct-v0:2", natives.MISTRAL),
        ("cohere.command-r-v1:0", natives.COMMAND_R),
    ],
)
def test_a_native_prompt_that_is_no_conversation_is_not_repaired(
    model: str, body: dict[str, Any]
) -> None:
    engine = saying(said("no JSON", native={"generation": "no JSON"}))
    laptop = laptop_for(engine, "repair", response={}, model=model)
    outcome = outcome_of(laptop, run(laptop, {"recordId": "r0", "modelInput": body}))
    assert (outcome["error"]["code"], outcome["attempts"]) == ("schema_violation", 1)


def test_a_repair_that_times_out_is_asked_for_again_and_counted() -> None:
    def script(_: Request, call: int) -> Completion:
        if call == 1:
            raise TimedOut("no answer")
        return said(WRONG if call == 0 else GOOD)

    laptop = laptop_for(ScriptedEngine(script=script), "repair")
    outcome = outcome_of(laptop, run(laptop))
    assert (outcome["status"], outcome["attempts"]) == ("succeeded", 3)
    assert outcome["ambiguous_attempts"] == 1


def test_a_record_fails_for_whose_repair_there_is_no_money() -> None:
    long = said(WRONG, usage=Usage(input_tokens=10, output_tokens=1500))
    laptop = laptop_for(saying(long), "repair", more="budget: {usd: 0.0006}")
    outcome = outcome_of(laptop, run(laptop, chat_line("r0", "What?", max_tokens=1500)))
    assert (outcome["error"]["code"], outcome["attempts"]) == ("schema_violation", 1)
    assert outcome["cost_usd"] > 0


def test_a_repair_that_is_cut_leaves_the_first_fault() -> None:
    cut = said('{"kind":', stop_reason="max_tokens")
    laptop = laptop_for(saying(WRONG, cut), "repair", more="reservations: full")
    outcome = outcome_of(laptop, run(laptop))
    assert (outcome["error"]["code"], outcome["attempts"]) == ("schema_violation", 3)


def test_an_answer_that_was_cut_is_truncated_and_no_violation() -> None:
    cut = said('{"kind":', stop_reason="max_tokens")
    laptop = laptop_for(saying(cut))
    job_id = run(laptop)
    assert outcome_of(laptop, job_id)["error"]["code"] == "truncated"
    (line,) = laptop.results(job_id, "errors.jsonl")
    assert '{"kind":' in json.dumps(line["response"]).replace('\\"', '"')


def test_an_answer_that_calls_a_tool_is_no_violation() -> None:
    call = {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"at": 1}}}
    answer = said(content=[{"text": "Let me see."}, call], stop_reason="tool_use")
    laptop = laptop_for(saying(answer))
    outcome = outcome_of(laptop, run(laptop))
    assert (outcome["status"], outcome["findings"]) == ("succeeded", [])


def test_thoughts_stay_beside_the_json_that_is_taken_out() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "Hm. {}"}}}
    answer = said(content=[thought, {"text": "It is "}, {"text": GOOD}])
    laptop = laptop_for(saying(answer))
    job_id = run(laptop, converse_line("r0", "What is it?"))
    (line,) = laptop.results(job_id, "output.jsonl")
    content = line["modelOutput"]["output"]["message"]["content"]
    assert content == [thought, {"text": GOOD}]


def test_other_filters_look_at_what_was_taken_out() -> None:
    answer = f"{'Well. ' * 40}{GOOD}"
    laptop = laptop_for(saying(answer), "fail", "{length: {max_chars: 40, then: block}}")
    assert outcome_of(laptop, run(laptop))["status"] == "succeeded"


def test_the_strictest_of_all_filters_holds() -> None:
    laptop = laptop_for(saying(WRONG), "review", "{length: {max_chars: 4, then: block}}")
    outcome = outcome_of(laptop, run(laptop))
    assert outcome["status"] == "blocked"
    assert kinds(outcome) == [("violation", "review"), ("too_long", "block")]


def test_a_request_s_own_schema_holds_where_the_contract_has_none() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}}
    laptop = laptop_for(saying(WRONG), response={})
    outcome = outcome_of(laptop, run(laptop, chat_line("r0", "Hm?", response_format=form)))
    assert outcome["error"]["message"].endswith("enum at /kind")


def test_without_any_schema_an_answer_must_be_json() -> None:
    assert outcome_of(jsonless := laptop_for(saying("Yes."), response={}), run(jsonless))[
        "error"
    ] == {"code": "schema_violation", "message": "the answer is not JSON", "param": None}
    assert outcome_of(any_json := laptop_for(saying("[1]"), response={}), run(any_json))[
        "status"
    ] == ("succeeded")


def own_schema(schema: Any) -> dict[str, Any]:
    written = schema if isinstance(schema, str) else json.dumps(schema)
    form = {"type": "json_schema", "structure": {"jsonSchema": {"schema": written, "name": "a"}}}
    return converse_line("r0", "Hm?", outputConfig={"textFormat": form})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema"},
        {"pattern": "(?<=a)b"},
        {"type": "none"},
        "{",
        "[" * 3000,
        {"description": "x" * 100_001},
    ],
    ids=["url", "pattern", "type", "cut", "deep", "large"],
)
def test_a_request_with_a_schema_that_cannot_be_checked_is_never_asked(schema: Any) -> None:
    engine = saying(GOOD)
    laptop = laptop_for(engine, response={})
    outcome = outcome_of(laptop, run(laptop, own_schema(schema)))
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "invalid_request")
    assert outcome["error"]["message"].startswith("the JSON schema of the answer: ")
    assert outcome["request_digest"]
    assert not engine.calls


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """Listen on loopback; give the address, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with serving(Handler) as url:
        yield f"{url}/schema", asked


@pytest.mark.parametrize(
    "referring",
    [
        '{"$ref": "URL"}',
        '{"$schema": "URL"}',
        '{"$id": "URL", "$ref": "other"}',
        '{"properties": {"a": {"$dynamicRef": "URL#a"}}}',
        '{"$defs": {"never_used": {"$ref": "URL"}}}',
    ],
)
def test_no_schema_makes_anybody_fetch_anything(referring: str) -> None:
    with listener() as (url, asked):
        schema = json.loads(referring.replace("URL", url))
        laptop = laptop_for(saying(GOOD), response={})
        outcome = outcome_of(laptop, run(laptop, own_schema(schema)))
        assert outcome["error"]["code"] == "invalid_request"
        with pytest.raises(ContractInvalid, match=r"filters\.output\.0\.schema"):
            read(entry={"schema": schema})
    assert asked == []


def read(entry: Any, **more: Any) -> None:
    fields = {
        "name": "formed",
        "routes": [{"model": MODEL}],
        "filters": {"output": [{"schema": entry}]},
        **more,
    }
    read_contract(json.dumps(fields).encode(), name="formed")


def test_a_contract_with_a_schema_of_five_megabytes_is_refused() -> None:
    with pytest.raises(ContractInvalid, match="larger than 262,144 bytes"):
        read({"schema": {"description": "x" * 5_000_000}})


def test_an_own_schema_may_be_more_than_bedrock_takes() -> None:
    read({"schema": {"type": "integer", "minimum": 3, "maximum": 7}})
    with pytest.raises(ContractInvalid, match=r"response\.schema"):
        read("fail", response={"schema": {"type": "integer", "minimum": 3}})


def test_a_schema_for_bedrock_must_be_one_that_can_be_checked() -> None:
    form = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=a)"}}}
    read_contract(
        json.dumps(
            {"name": "formed", "routes": [{"model": MODEL}], "response": {"schema": form}}
        ).encode(),
        name="formed",
    )
    with pytest.raises(ContractInvalid, match=r"response\.schema: a pattern"):
        read("fail", response={"schema": form})


@pytest.mark.parametrize(
    ("entry", "more"),
    [
        ({"then": "redact"}, {}),
        ("repair", {"response": {"schema": SCHEMA, "repair": 6}}),
        ("repair", {"response": {"name": "x"}}),
        ({"schema": 3}, {}),
        ("fail", {"filters": {"input": [{"schema": "fail"}]}}),
        ("fail", {"filters": {"output": [{"schema": "fail"}, {"schema": "review"}]}}),
    ],
    ids=["redact", "often", "nothing", "none", "input", "twice"],
)
def test_a_contract_that_says_it_wrong_does_not_read(entry: Any, more: dict[str, Any]) -> None:
    with pytest.raises(ContractInvalid):
        read(entry, **more)


def test_a_repair_of_an_answer_that_was_kept_is_a_call_and_is_told_as_one() -> None:
    laptop = laptop_for(saying(GOOD), "repair", more="cache: {exact: 7d}")
    run(laptop)
    (key,) = laptop.objects.keys(CACHE)
    head, _, kept = laptop.objects.read(key).partition(b"\n")
    wrong = kept.replace(b"bug", b"bog")
    told = {**json.loads(head), "digest": digest(wrong)}
    laptop.objects.write(key, json.dumps(told).encode() + b"\n" + wrong)

    row = laptop.run(jsonl([chat_line("r1", "What is it?")]), "inbox/formed/again.jsonl")

    (outcome,) = laptop.results(row.job_id, "outcomes.jsonl")
    assert outcome["status"] == "succeeded"
    assert (outcome["cached"], outcome["attempts"]) == (False, 1)
    assert outcome["cost_usd"] > 0
