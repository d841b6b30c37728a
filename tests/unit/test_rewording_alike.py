"""What a model is asked in its own words, and what it answers: the same conversation as in Converse's."""

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from batchwright.batchlines import answered_line, asked_line, read_answer
from batchwright.completion import Completion
from batchwright.conversed import completion_of
from batchwright.request import Request
from batchwright.rewording import FAMILIES, reworded
from batchwright.schema import structured_output
from tests.emulator.host.engines.echo import Echo
from tests.emulator.host.engines.port import Ask
from tests.emulator.host.wire.converse import Converse
from tests.emulator.host.wire.invoke_model import InvokeModel
from tests.unit.test_rewording import MARK, SCHEMA, assistant, returned, text, user

MODELS = {
    "anthropic": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "nova": "us.amazon.nova-lite-v1:0",
}
PARAMS = TypeAdapter(MessageCreateParamsNonStreaming)

# What both services take, so that their answers can be compared.
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
NAMES = st.text("abcXYZ_-", min_size=1, max_size=8)
SAID = st.builds(text, TEXTS)
PICTURES = st.sampled_from(["png", "jpeg", "gif", "webp"]).map(
    lambda kind: {"image": {"format": kind, "source": {"bytes": "AAAA"}}}
)
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | TEXTS
GIVEN = st.dictionaries(TEXTS, VALUES | st.lists(VALUES, max_size=2), max_size=3)
MARKS = st.sampled_from([[], [], [MARK], [{"cachePoint": {"type": "default", "ttl": "1h"}}]])


def encoded(content: str) -> str:
    return b64encode(content.encode()).decode()


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    said = draw(TEXTS)
    source = draw(st.sampled_from([{"text": said}, {"bytes": encoded(said)}]))
    kind = "txt" if "text" in source else draw(st.sampled_from(["txt", "pdf"]))
    named = {"format": kind, "name": draw(st.text("abc", min_size=1, max_size=5))}
    return {"document": {**named, "source": source}}


@st.composite
def conversations(draw: st.DrawFn, *, documented: bool) -> list[dict[str, Any]]:
    shown = st.lists(PICTURES | documents() if documented else PICTURES, max_size=2)
    results = st.lists(
        SAID | st.builds(lambda value: {"json": value}, GIVEN) | PICTURES, max_size=3
    )
    messages = [user(*draw(shown), draw(SAID), *draw(MARKS))]
    for turn in range(draw(st.integers(0, 2))):
        calls = [f"c{turn}-{number}" for number in range(draw(st.integers(0, 2)))]
        said = [draw(SAID)] if not calls or draw(st.booleans()) else []
        thought = {"reasoningContent": {"reasoningText": {"text": draw(TEXTS), "signature": "s"}}}
        thoughts = [thought] if draw(st.booleans()) else []
        uses = [
            {"toolUse": {"toolUseId": call, "name": draw(NAMES), "input": draw(GIVEN)}}
            for call in calls
        ]
        messages.append(assistant(*thoughts, *said, *uses))
        statuses = st.sampled_from([{}, {"status": "error"}, {"status": "success"}])
        answers = [returned(call, *draw(results), **draw(statuses)) for call in calls]
        more = [draw(SAID)] if not calls or draw(st.booleans()) else []
        messages.append(user(*answers, *(draw(shown) if more else []), *more, *draw(MARKS)))
    return messages


@st.composite
def requests(draw: st.DrawFn, family: str) -> Request:
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    strict = {"strict": True} if family == "anthropic" and draw(st.booleans()) else {}
    described = {"description": draw(TEXTS)} if draw(st.booleans()) else {}
    specs = [
        {"toolSpec": {"name": name, "inputSchema": {"json": SCHEMA}, **described, **strict}}
        for name in names
    ]
    choices: list[dict[str, Any]] = [{}, {"toolChoice": {"auto": {}}}, {"toolChoice": {"any": {}}}]
    named = {"toolChoice": {"tool": {"name": names[-1]}}}
    config = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "maxTokens": st.integers(1, 200),
                "temperature": st.floats(0, 1),
                "topP": st.floats(0, 1),
                "stopSequences": st.lists(TEXTS, max_size=2),
            },
        )
    )
    body: dict[str, Any] = {
        "messages": draw(conversations(documented=family == "anthropic")),
        # Claude must be told a limit; every request of a contract has one.
        "inferenceConfig": {"maxTokens": 100, **config},
        "toolConfig": {"tools": [*specs, *draw(MARKS)], **draw(st.sampled_from([*choices, named]))},
    }
    if draw(st.booleans()):
        body["system"] = [draw(SAID), *draw(MARKS), draw(SAID)]
    if family == "anthropic" and draw(st.booleans()):
        body["outputConfig"] = structured_output(json.dumps(SCHEMA), "answer")
    return Request(body)


def asked_of_the_host(request: Request, family: str) -> tuple[Converse, InvokeModel]:
    """Return what the model host makes of a request and of its other wording."""
    line = json.loads(asked_line(0, request, family) or b"")
    body = json.dumps(line["modelInput"]).encode()
    native = InvokeModel(body, model=MODELS[family], metadata=None, tier=None)
    return Converse(json.dumps(request.body).encode(), model=MODELS[family]), native


def unmarked(ask: Ask) -> Ask:
    """Return what is asked without the marks for prompt caches."""
    return replace(ask, marked="")


def told(completion: Completion) -> dict[str, Any]:
    """Return an answer without what is always another: the ids of calls, and times."""
    for block in completion.content:
        block.get("toolUse", {}).pop("toolUseId", None)
    return {
        "content": completion.content,
        "stop_reason": completion.stop_reason,
        "usage": completion.usage,
        "native": completion.native,
    }


@pytest.mark.parametrize("family", sorted(FAMILIES))
@given(data=st.data())
async def test_the_model_is_asked_the_same_conversation_and_its_answer_is_the_same(
    family: str, data: st.DataObject
) -> None:
    request = data.draw(requests(family))

    converse, native = asked_of_the_host(request, family)
    answer = await Echo().complete(native.ask)
    line = {"recordId": "0" * 11, "modelOutput": native.answer(answer, latency_ms=0)}
    kept = answered_line(json.dumps(line).encode())
    assert kept is not None
    read = read_answer(kept[1], request, MODELS[family], 0, family)

    assert unmarked(native.ask) == unmarked(converse.ask)
    assert isinstance(read, Completion)
    assert told(read) == told(
        completion_of(json.dumps(converse.answer(answer, latency_ms=0)).encode())
    )


@given(request=requests("anthropic"))
def test_anthropics_own_package_knows_every_word(request: Request) -> None:
    body = {**reworded(request, "anthropic").body, "model": "claude-haiku-4-5"}

    for bedrocks_own in (
        "anthropic_version",
        "temperature",
        "top_p",
    ):  # Anthropic's newest has no sampling
        body.pop(bedrocks_own, None)
    PARAMS.validate_python(body, extra="forbid")
