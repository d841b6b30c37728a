"""Tools in a batch: refused in Converse's words, answered in Claude's and Nova's own, as on demand in Converse's."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from batchwright.batchlines import answered_line, asked_line, read_answer
from batchwright.completion import Completion
from batchwright.conversed import completion_of
from batchwright.request import Request
from tests.contract.batches import IN, OnTheHost, end, lines, on_the_host, stage, wish
from tests.fakes import MODEL

CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
FAMILIES = {MODEL: "nova", CLAUDE: "anthropic"}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}
MARK = {"cachePoint": {"type": "default"}}
IMAGE = {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}}


@pytest.fixture
def place(aws: None) -> Iterator[OnTheHost]:  # noqa: ARG001 - moto, while it lasts
    with on_the_host() as there:
        yield there


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [*blocks]}


def asking(*messages: dict[str, Any], **more: Any) -> Request:
    said = {"messages": [*messages], "inferenceConfig": {"maxTokens": 60}, "toolConfig": TOOLS}
    return Request({**said, **more})


THOUGHT = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
CALL = {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Oslo", "days": 2}}}
RESULT = {"toolUseId": "c1", "content": [{"json": {"mm": 3}}, IMAGE], "status": "error"}
REQUESTS = [
    asking(user({"text": "Oslo"}), toolConfig={**TOOLS, "toolChoice": {"any": {}}}),
    asking(user({"text": "Oslo"}), toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "weather"}}}),
    asking(user({"text": "Oslo"}), toolConfig={"tools": [*TOOLS["tools"], MARK], "toolChoice": {"auto": {}}}),
    asking(
        user({"text": "How is Oslo?"}),
        {"role": "assistant", "content": [THOUGHT, {"text": "I look."}, CALL]},
        user({"toolResult": RESULT}),
        system=[{"text": "Be short."}, MARK],
    ),
    asking(user(IMAGE, {"text": "long " * 100}), inferenceConfig={"maxTokens": 3, "temperature": 0}),
    asking(user({"text": "one END two"}), inferenceConfig={"maxTokens": 60, "stopSequences": ["END"]}),
    Request({"messages": [user({"text": "no tools"})], "inferenceConfig": {"maxTokens": 60}}),
]  # fmt: skip


def told(completion: Completion) -> dict[str, Any]:
    """Return an answer without the ids of its calls, which are always others."""
    for block in completion.content:
        block.get("toolUse", {}).pop("toolUseId", None)
    return {
        "content": completion.content,
        "stop_reason": completion.stop_reason,
        "usage": completion.usage,
    }


@pytest.mark.parametrize("model", FAMILIES)
def test_a_batch_in_the_models_own_words_answers_what_converse_answers(
    place: OnTheHost, model: str
) -> None:
    staged = [asked_line(number, each, FAMILIES[model]) for number, each in enumerate(REQUESTS)]
    place.objects.write(IN, b"".join(line or b"" for line in staged))

    arn = place.jobs.start(wish(converse=False, model=model))
    state = end(place, arn)

    assert state.counts.success == len(REQUESTS)
    answers = dict(
        filter(None, (answered_line(json.dumps(each).encode()) for each in lines(place, arn)))
    )
    for number, request in enumerate(REQUESTS):
        read = read_answer(answers[number], request, model, 0, FAMILIES[model])
        status, at_once = place.host.post("converse", model=model, body=request.body)
        assert status == 200
        assert isinstance(read, Completion)
        assert told(read) == told(completion_of(json.dumps(at_once).encode()))
    calls = [call for call in place.host.calls() if call["api"] == "Batch"]
    assert {call["model"] for call in calls} == {model}


@pytest.mark.parametrize("model", FAMILIES)
def test_a_batch_in_converses_words_refuses_each_record_with_tools(
    place: OnTheHost, model: str
) -> None:
    stage(
        place, [{"recordId": f"r{n}", "modelInput": each.body} for n, each in enumerate(REQUESTS)]
    )

    arn = place.jobs.start(wish(model=model))
    end(place, arn)

    said = {line["recordId"]: line for line in lines(place, arn)}
    *tools, last = [said[f"r{number}"] for number in range(len(REQUESTS))]
    assert {line["error"]["errorCode"] for line in tools} == {400}
    assert last["modelOutput"]["stopReason"] == "end_turn"


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (CLAUDE, {"messages": [user({"type": "text", "text": "hi"})], "max_tokens": 9}),
        (CLAUDE, REQUESTS[0].body),
        (MODEL, {"anthropic_version": "bedrock-2023-05-31", "messages": [], "max_tokens": 9}),
    ],
)
def test_a_body_that_is_not_the_models_own_fails_its_record_and_not_the_job(
    place: OnTheHost, model: str, body: dict[str, Any]
) -> None:
    stage(place, [{"recordId": "r0", "modelInput": body}])

    arn = place.jobs.start(wish(converse=False, model=model))
    state = end(place, arn)

    (line,) = lines(place, arn)
    assert line["error"]["errorCode"] == 400
    assert (state.status, state.counts.error) == ("Completed", 1)
