"""Converse's requests in Claude's and Nova's own words: the same conversation, or refused with the place."""

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
from batchwright.dialects.anthropic import Anthropic
from batchwright.errors import RecordInvalid
from batchwright.lines import lines
from batchwright.request import Request
from batchwright.rewording import FAMILIES, reworded
from batchwright.schema import structured_output
from tests.canary import CANARY
from tests.emulator.host.engines.echo import Echo
from tests.emulator.host.engines.port import Ask
from tests.emulator.host.wire.converse import Converse
from tests.emulator.host.wire.invoke_model import InvokeModel
from tests.odd import odd

MODELS = {
    "anthropic": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "nova": "us.amazon.nova-lite-v1:0",
}
PARAMS = TypeAdapter(MessageCreateParamsNonStreaming)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER = {"name": "weather", "description": "The weather.", "inputSchema": {"json": SCHEMA}}
TOOLS = {"tools": [{"toolSpec": WEATHER}]}
MARK = {"cachePoint": {"type": "default"}}
PNG = {"format": "png", "source": {"bytes": "iVBORw=="}}
PDF = {"format": "pdf", "name": "bill", "source": {"bytes": "JVBERg=="}}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [*blocks]}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": [*blocks]}


def text(said: str) -> dict[str, Any]:
    return {"text": said}


def called(call_id: str, **given: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": call_id, "name": "weather", "input": given}}


def returned(call_id: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": call_id, "content": [*content], **more}}


def asking(*messages: dict[str, Any], **more: Any) -> Request:
    body = {"messages": [*messages] or [user(text("hello"))], "toolConfig": TOOLS}
    return Request({**body, "inferenceConfig": {"maxTokens": 50}, **more})


def test_claude_is_asked_in_the_words_of_its_messages() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
    request = asking(
        user(text("How is Oslo?"), {"image": PNG}, MARK),
        assistant(thought, text("I look."), called("c1", city="Oslo")),
        user(
            returned("c1", text("wet"), {"json": {"mm": 3}}, {"image": PNG}, status="error"),
            {"document": {**PDF, "context": "Of May."}},
            text("And the bill?"),
        ),
        system=[text("Be short."), MARK, text("Be kind.")],
        inferenceConfig={"maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]},
        toolConfig={
            "tools": [{"toolSpec": {**WEATHER, "strict": True}}, MARK],
            "toolChoice": {"tool": {"name": "weather"}},
        },
        outputConfig=structured_output(json.dumps(SCHEMA), "answer"),
        additionalModelRequestFields={
            "top_k": 5,
            "thinking": {"type": "disabled"},
            "output_config": {"effort": "low"},
        },
    )

    asked = reworded(request, "anthropic")

    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
    }
    assert asked.family == "anthropic"
    assert asked.max_tokens == 50
    assert asked.body == {
        "anthropic_version": "bedrock-2023-05-31",
        "system": [
            {"type": "text", "text": "Be short."},
            {"type": "text", "text": "Be kind."},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "How is Oslo?"}, picture]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": [
                            {"type": "text", "text": "wet"},
                            {"type": "text", "text": '{"mm": 3}'},
                            picture,
                        ],
                        "is_error": True,
                    },
                    {
                        "type": "document",
                        "source": {
                            "type": "base64",
                            "media_type": "application/pdf",
                            "data": "JVBERg==",
                        },
                        "title": "bill",
                        "context": "Of May.",
                    },
                    {"type": "text", "text": "And the bill?"},
                ],
            },
        ],
        "max_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["x"],
        "tools": [
            {
                "name": "weather",
                "description": "The weather.",
                "input_schema": SCHEMA,
                "strict": True,
            }
        ],
        "tool_choice": {"type": "tool", "name": "weather"},
        "thinking": {"type": "disabled"},
        "output_config": {
            "format": {"type": "json_schema", "schema": SCHEMA},
            "effort": "low",
        },
    }


def test_novas_own_words_are_converses() -> None:
    messages = [
        user(text("How is Oslo?"), {"image": PNG}),
        assistant(called("c1", city="Oslo")),
        user(returned("c1", {"json": {"mm": 3}}, status="success")),
    ]
    config = {**TOOLS, "toolChoice": {"any": {}}}
    request = asking(
        *messages,
        system=[text("Be short."), MARK],
        toolConfig=config,
        additionalModelRequestFields={"inferenceConfig": {"topK": 20}},
    )

    assert reworded(request, "nova").body == {
        "schemaVersion": "messages-v1",
        "messages": messages,
        "system": [text("Be short.")],
        "inferenceConfig": {"maxTokens": 50, "topK": 20},
        "toolConfig": config,
    }


def test_what_an_anthropic_file_says_arrives_at_claude_as_it_was_written() -> None:
    params = {
        "model": "claude-haiku-4-5",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be short."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "How is Oslo?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}}
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": [{"type": "text", "text": "wet"}],
                    }
                ],
            },
        ],
        "temperature": 0.5,
        "top_k": 5,
        "stop_sequences": ["END"],
        "tools": [{"name": "weather", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"},
    }
    (line,) = lines([json.dumps({"custom_id": "r", "params": params}).encode()])
    dialect = Anthropic()

    asked = reworded(dialect.request(dialect.read(line)), "anthropic")

    version = {"anthropic_version": "bedrock-2023-05-31"}
    assert asked.body == {name: params[name] for name in params if name != "model"} | version


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (asking(user({"guardContent": {"text": {"text": "x"}}})), "messages[0].content[0].guardContent"),
        (asking(user(text("a"), {"searchResult": {}})), "messages[0].content[1].searchResult"),
        (asking(user(text("a"), {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}})),
         "messages[0].content[1].image.source.s3Location"),
        (asking(user(text("a")), assistant({"reasoningContent": {"redactedContent": "AAAA"}}), user(text("b"))),
         "messages[1].content[0].reasoningContent.redactedContent"),
        (asking(user({**text("a"), "image": PNG})), "messages[0].content[0]"),
        (asking(user({})), "messages[0].content[0]"),
        (asking(user(MARK)), "messages[0].content"),
        (asking(user(text("a"), {"document": {**PDF, "format": "docx"}})), "messages[0].content[1]"),
        (asking(user(returned("c1", {"document": {**PDF, "format": "csv"}}))), None),
        (asking(user(text("a"), {"document": {**PDF, "citations": {"enabled": True}}})),
         "messages[0].content[1].document.citations.enabled"),
        (asking(system=[{"guardContent": {"text": {"text": "x"}}}]), "system[0].guardContent"),
        (asking(toolConfig={"tools": [{"systemTool": {"name": "nova_grounding"}}]}), "toolConfig.tools[0].systemTool"),
        (asking(toolConfig={**TOOLS, "toolChoice": {"none": {}}}), "toolConfig.toolChoice"),
        (asking(guardrailConfig={"guardrailIdentifier": "a"}), "guardrailConfig"),
        (asking(requestMetadata={"a": "b"}), "requestMetadata"),
        (asking(additionalModelRequestFields={"messages": []}), "additionalModelRequestFields.messages"),
        (asking(additionalModelRequestFields={"wild": 1}), "additionalModelRequestFields"),
        (asking(assistant(text("a"))), "messages"),
    ],
)  # fmt: skip
def test_what_there_is_no_word_for_is_refused_with_its_place(
    family: str, request_: Request, param: str | None
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        reworded(request_, family)

    assert caught.value.code == "invalid_request"
    assert param in {None, caught.value.param}
    assert asked_line(0, request_, family) is None


@pytest.mark.parametrize(
    ("family", "request_", "param"),
    [
        ("nova", asking(user(text("a"), {"document": PDF})), "messages[0].content[1]"),
        ("nova", asking(user(returned("c1", {"document": PDF}))), "messages[0].content[0]"),
        ("nova", asking(outputConfig=structured_output("{}", "a")), "outputConfig"),
        ("nova", asking(toolConfig={"tools": [{"toolSpec": {**WEATHER, "strict": True}}]}),
         "toolConfig.tools[0].toolSpec.strict"),
        ("nova", asking(additionalModelRequestFields={"inferenceConfig": {"maxTokens": 9}}),
         "additionalModelRequestFields.inferenceConfig.maxTokens"),
        ("nova", asking(additionalModelRequestFields={"top_k": 9}), "additionalModelRequestFields"),
        ("anthropic", asking(user(text("a"), {"video": {"format": "mp4"}})), "messages[0].content[1]"),
        ("anthropic", asking(user(text("a")), assistant({"reasoningContent": {"reasoningText": {"text": "hm"}}})),
         "messages[1].content[0]"),
        ("anthropic", asking(outputConfig=structured_output("{", "a")), "outputConfig.textFormat"),
        ("anthropic", asking(user(text("a"), {"document": {**PDF, "format": "txt", "source": {"bytes": "/w=="}}})),
         "messages[0].content[1]"),
    ],
)  # fmt: skip
def test_what_one_family_has_no_word_for_is_refused_with_its_place(
    family: str, request_: Request, param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        reworded(request_, family)

    assert caught.value.param == param


def test_a_video_is_nova_s_as_it_is_converse_s() -> None:
    video = {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}}

    asked = reworded(asking(user(text("a"), video)), "nova")

    assert asked.body["messages"] == [user(text("a"), video)]


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
    results = st.lists(SAID | st.builds(lambda value: {"json": value}, GIVEN) | PICTURES, max_size=3)
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
    choices = [{}, *({"toolChoice": each} for each in ({"auto": {}}, {"any": {}}))]
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

    for bedrocks_own in ("anthropic_version", "temperature", "top_p"):  # Anthropic's newest has no sampling
        body.pop(bedrocks_own, None)
    PARAMS.validate_python(body, extra="forbid")


RICH = asking(
    user(text(CANARY), {"image": PNG}, {"document": PDF}, MARK),
    assistant(
        {"reasoningContent": {"reasoningText": {"text": CANARY, "signature": CANARY}}},
        called("c1", city=CANARY),
    ),
    user(returned("c1", text(CANARY), {"json": {CANARY: CANARY}}, status="error")),
    system=[text(CANARY), MARK],
    toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "weather"}}},
    additionalModelRequestFields={"top_k": 5, CANARY: CANARY},
)


@pytest.mark.parametrize("family", sorted(FAMILIES))
@given(body=odd(RICH.body))
def test_whatever_a_line_holds_it_is_reworded_or_refused_and_never_quoted(
    family: str, body: dict[str, Any]
) -> None:
    try:
        reworded(Request(body), family)
    except RecordInvalid as fault:
        assert fault.code == "invalid_request"
        assert CANARY not in f"{fault} {fault.param}"


def test_the_names_that_an_author_has_found_are_not_told() -> None:
    for odd_one in (
        asking(user({CANARY: 1})),
        asking(additionalModelRequestFields={"inferenceConfig": {CANARY: 1}}),
        asking(**{CANARY: 1}),
    ):
        with pytest.raises(RecordInvalid, match="other words than Converse's do not") as caught:
            reworded(odd_one, "nova")

        assert CANARY not in f"{caught.value} {caught.value.param}"
