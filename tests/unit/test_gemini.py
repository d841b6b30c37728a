import json
from base64 import b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.gemini import Gemini, Vertex
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.request import IMAGE_TOKENS
from batchwright.usage import Usage
from tests.fakes import NOON
from tests.odd import broken, odd

GEMINI, VERTEX = Gemini(), Vertex()
KEY = "0123456789abcdef" * 4
PIXEL = b64encode(b"picture").decode()
SCHEMA = {"type": "OBJECT", "properties": {"label": {"type": "STRING"}}, "required": ["label"]}
FUNCTION = {
    "name": "order_of",
    "description": "Find an order.",
    "parameters": {"type": "OBJECT", "properties": {"id": {"type": "STRING"}}},
}
ORDER_TOOL = {
    "toolSpec": {
        "name": "order_of",
        "description": "Find an order.",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"id": {"type": "string"}},
                "additionalProperties": False,
            }
        },
    }
}
CALL = {"functionCall": {"name": "order_of", "args": {"id": "8841"}}}
RESPONSE = {"functionResponse": {"name": "order_of", "response": {"state": "on its way"}}}


def line_of(**request: Any) -> dict[str, Any]:
    """The line that Google's documentation shows, in our words."""
    asked = {"contents": [{"parts": [{"text": "My card was declined"}]}]}
    return {"key": "req-1", "request": asked | request}


def says(*parts: Any) -> dict[str, Any]:
    return line_of(contents=[{"role": "user", "parts": [*parts]}])


def config(**generation_config: Any) -> dict[str, Any]:
    return line_of(generationConfig=generation_config)


def read(line: Any) -> Record:
    return GEMINI.read(Line(7, 0, 0, json.dumps(line).encode()))


def read_bare(line: Any) -> Record:
    return VERTEX.read(Line(7, 0, 0, json.dumps(line).encode()))


def body(line: dict[str, Any]) -> dict[str, Any]:
    return GEMINI.request(read(line)).body


def completion(stop_reason: str = "end_turn", *content: dict[str, Any]) -> Completion:
    return Completion(
        content=[*content] or [{"text": "payments"}],
        stop_reason=stop_reason,
        usage=Usage(input_tokens=22, output_tokens=9, cache_read_tokens=3),
        latency_ms=812,
    )


CAMEL = {
    "systemInstruction": {"role": "system", "parts": [{"text": "You label tickets."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "one"}, {"text": "two"}]},
        {"role": "model", "parts": [{"text": "three"}]},
        {"role": "user", "parts": [{"text": "four"}]},
    ],
    "generationConfig": {
        "temperature": 0,
        "topP": 0.5,
        "maxOutputTokens": 200,
        "stopSequences": ["END"],
        "candidateCount": 1,
        "responseMimeType": "application/json",
        "responseSchema": SCHEMA,
    },
    "tools": [{"functionDeclarations": [FUNCTION]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["order_of"]}},
    "safetySettings": [],
    "model": "models/gemini-2.5-flash",
    "labels": {"team": "support"},
}
SNAKE = {
    "system_instruction": {"parts": {"text": "You label tickets."}},
    "contents": CAMEL["contents"],
    "generation_config": {
        "temperature": 0,
        "top_p": 0.5,
        "max_output_tokens": 200,
        "stop_sequences": ["END"],
        "candidate_count": 1,
        "response_mime_type": "application/json",
        "response_schema": SCHEMA,
    },
    "tools": [{"function_declarations": [FUNCTION]}],
    "tool_config": {
        "function_calling_config": {"mode": "ANY", "allowed_function_names": ["order_of"]}
    },
    "safety_settings": [],
}


@pytest.mark.parametrize("request_fields", [CAMEL, SNAKE])
def test_both_spellings_become_the_same_converse_request(request_fields: dict[str, Any]) -> None:
    record = read({"key": "req-1", "request": request_fields})

    assert record.record_id == "req-1"
    assert record.model == (request_fields.get("model") and "gemini-2.5-flash")
    assert record.max_tokens == 200
    asked = GEMINI.request(record).body
    schema = asked["outputConfig"]["textFormat"]["structure"]["jsonSchema"].pop("schema")
    assert json.loads(schema) == {
        "type": "object",
        "properties": {"label": {"type": "string"}},
        "required": ["label"],
        "additionalProperties": False,
    }
    assert asked == {
        "system": [{"text": "You label tickets."}],
        "messages": [
            {"role": "user", "content": [{"text": "one"}, {"text": "two"}]},
            {"role": "assistant", "content": [{"text": "three"}]},
            {"role": "user", "content": [{"text": "four"}]},
        ],
        "inferenceConfig": {
            "maxTokens": 200,
            "temperature": 0,
            "topP": 0.5,
            "stopSequences": ["END"],
        },
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"name": "answer"}},
            }
        },
        "toolConfig": {"tools": [ORDER_TOOL], "toolChoice": {"tool": {"name": "order_of"}}},
    }


def test_one_turn_and_one_part_need_no_list() -> None:
    assert body(line_of(contents={"parts": {"text": "My card was declined"}})) == body(line_of())


def test_fields_that_are_null_say_nothing() -> None:
    parts = {"text": "My card was declined", "file_data": None, "inlineData": None}

    assert body(
        line_of(
            contents=[{"role": None, "parts": [parts]}],
            generationConfig={"responseSchema": None, "topP": None},
            toolConfig=None,
        )
    ) == body(line_of())


@pytest.mark.parametrize(
    ("part", "made"),
    [
        (
            {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
            {"image": {"format": "png", "source": {"bytes": PIXEL}}},
        ),
        (
            {
                "inline_data": {
                    "mime_type": "application/pdf",
                    "data": PIXEL,
                    "display_name": "menu.pdf",
                }
            },
            {"document": {"format": "pdf", "name": "menu pdf", "source": {"bytes": PIXEL}}},
        ),
        (
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "s3://shop/cup.jpg"}},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://shop/cup.jpg"}}}},
        ),
        (
            {"file_data": {"mime_type": "application/pdf", "file_uri": "s3://shop/menu.pdf"}},
            {
                "document": {
                    "format": "pdf",
                    "name": "document",
                    "source": {"s3Location": {"uri": "s3://shop/menu.pdf"}},
                }
            },
        ),
    ],
)
def test_pictures_and_documents_become_converses(
    part: dict[str, Any], made: dict[str, Any]
) -> None:
    assert body(says({"text": "look"}, part))["messages"][0]["content"] == [
        {"text": "look"},
        made,
    ]


def test_a_picture_counts_and_what_lies_in_s3_is_named() -> None:
    part = {"fileData": {"mimeType": "image/png", "fileUri": "s3://shop/cup.png"}}

    record = read(says({"text": "look"}, part))

    assert record.input_tokens == IMAGE_TOKENS + 1
    assert record.attachments == ("s3://shop/cup.png",)


def test_an_answer_of_a_function_finds_its_call_by_id_or_else_by_name_in_order() -> None:
    turns = [
        {"role": "user", "parts": [{"text": "Where are 1, 2 and 3?"}]},
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "order_of", "args": {"id": "1"}}},
                {"functionCall": {"name": "order_of", "args": {"id": "2"}, "id": "own"}},
                {"functionCall": {"name": "order_of"}},
            ],
        },
        {
            "role": "function",
            "parts": [
                {"functionResponse": {"name": "order_of", "response": {"n": 2}, "id": "own"}},
                {"functionResponse": {"name": "order_of", "response": {"n": 1}}},
                {"function_response": {"name": "order_of", "response": {"n": 3}}},
            ],
        },
    ]

    asked = body(line_of(contents=turns, tools=[{"functionDeclarations": [FUNCTION]}]))

    assert asked["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "call-1", "name": "order_of", "input": {"id": "1"}}},
                {"toolUse": {"toolUseId": "own", "name": "order_of", "input": {"id": "2"}}},
                {"toolUse": {"toolUseId": "call-3", "name": "order_of", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "own", "content": [{"json": {"n": 2}}]}},
                {"toolResult": {"toolUseId": "call-1", "content": [{"json": {"n": 1}}]}},
                {"toolResult": {"toolUseId": "call-3", "content": [{"json": {"n": 3}}]}},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("calling", "made"),
    [
        ({}, None),
        ({"mode": "AUTO"}, None),
        ({"mode": "ANY"}, {"any": {}}),
        ({"mode": "ANY", "allowedFunctionNames": ["order_of", "close"]}, {"any": {}}),
        ({"mode": "ANY", "allowedFunctionNames": ["close"]}, {"tool": {"name": "close"}}),
    ],
)
def test_how_functions_are_called_becomes_converses_choice(
    calling: dict[str, Any], made: dict[str, Any] | None
) -> None:
    close = {"name": "close", "parametersJsonSchema": {"type": "object"}}
    asked = body(
        line_of(
            tools=[{"functionDeclarations": [FUNCTION]}, {"functionDeclarations": [close]}],
            toolConfig={"functionCallingConfig": calling},
        )
    )["toolConfig"]

    assert asked["tools"] == [
        ORDER_TOOL,
        {"toolSpec": {"name": "close", "inputSchema": {"json": {"type": "object"}}}},
    ]
    assert asked.get("toolChoice") == made


def test_functions_that_must_not_be_called_are_not_offered() -> None:
    asked = line_of(
        tools=[{"functionDeclarations": [FUNCTION]}],
        toolConfig={"functionCallingConfig": {"mode": "NONE"}},
    )

    assert "toolConfig" not in body(asked)


def test_a_json_schema_holds_the_answer_as_it_is() -> None:
    schema = {"type": "object", "properties": {"why": {}, "label": {"type": "string"}}}
    asked = body(config(responseMimeType="application/json", responseJsonSchema=schema))

    written = asked["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]
    assert written == json.dumps(schema, separators=(",", ":"))


@pytest.mark.parametrize(
    "request_fields",
    [
        {"generationConfig": {"responseMimeType": "text/plain", "candidateCount": 1}},
        {"generationConfig": {"responseModalities": ["TEXT"], "responseLogprobs": False}},
        {"generationConfig": {"presencePenalty": 0, "frequency_penalty": 0.0}},
        {"generationConfig": {"stopSequences": []}},
        {"safetySettings": [], "labels": {"a": "b"}, "tools": [], "toolConfig": {}},
        {"tools": [{}]},
    ],
)
def test_a_parameter_that_asks_for_the_default_is_taken(request_fields: dict[str, Any]) -> None:
    assert body(line_of(**request_fields)) == body(line_of())


TOOLS = [{"functionDeclarations": [FUNCTION]}]
JSON = "application/json"


@pytest.mark.parametrize(
    ("request_fields", "param"),
    [
        ({"generationConfig": {"temperature": 1.5}}, "generationConfig.temperature"),
        ({"generationConfig": {"topP": 2}}, "generationConfig.topP"),
        ({"generation_config": {"top_p": 2}}, "generation_config.top_p"),
        ({"generationConfig": {"topK": 40}}, "generationConfig.topK"),
        ({"generationConfig": {"seed": 7}}, "generationConfig.seed"),
        ({"generationConfig": {"thinkingConfig": {}}}, "generationConfig.thinkingConfig"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount"),
        ({"generationConfig": {"responseLogprobs": True}}, "generationConfig.responseLogprobs"),
        (
            {"generationConfig": {"responseModalities": ["IMAGE"]}},
            "generationConfig.responseModalities[0]",
        ),
        ({"generationConfig": {"presencePenalty": 1}}, "generationConfig.presencePenalty"),
        (
            {"generationConfig": {"responseMimeType": "text/x.enum"}},
            "generationConfig.responseMimeType",
        ),
        ({"generationConfig": {"responseMimeType": JSON}}, "generationConfig.responseMimeType"),
        ({"generationConfig": {"responseSchema": SCHEMA}}, "generationConfig.responseSchema"),
        (
            {
                "generationConfig": {
                    "responseMimeType": JSON,
                    "responseSchema": SCHEMA,
                    "responseJsonSchema": SCHEMA,
                }
            },
            "generationConfig.responseSchema",
        ),
        (
            {
                "generationConfig": {
                    "responseMimeType": JSON,
                    "responseSchema": {"type": "INTEGER", "minimum": 1},
                }
            },
            "generationConfig.responseSchema",
        ),
        (
            {"generationConfig": {"responseMimeType": JSON, "responseJsonSchema": [1]}},
            "generationConfig.responseJsonSchema",
        ),
        ({"generationConfig": {"topP": 0.5, "top_p": 0.5}}, "generationConfig.top_p"),
        ({"systemInstruction": {"parts": [{"text": " "}]}}, "systemInstruction.parts[0].text"),
        ({"safetySettings": [{"category": "canary"}]}, "safetySettings"),
        ({"cachedContent": "canary"}, "cachedContent"),
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "model", "parts": [{"text": "canary"}]}]}, "contents"),
        ({"contents": [{"role": "canary", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": []}]}, "contents[0].parts"),
        ({"contents": [{"parts": [{"text": " "}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        (
            {"contents": [{"parts": [{"text": "canary", "functionCall": {"name": "canary"}}]}]},
            "contents[0].parts[0]",
        ),
        (
            {"contents": [{"parts": [{"text": "canary", "thought": True}]}]},
            "contents[0].parts[0].thought",
        ),
        (
            {"contents": [{"parts": [{"videoMetadata": {}}]}]},
            "contents[0].parts[0].videoMetadata",
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"data": PIXEL}}]}]},
            "contents[0].parts[0].inlineData.mimeType",
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "audio/mp3", "data": PIXEL}}]}]},
            "contents[0].parts[0].inlineData",
        ),
        (
            {
                "contents": [
                    {
                        "parts": [
                            {"fileData": {"mimeType": "image/png", "fileUri": "gs://canary/a.png"}}
                        ]
                    }
                ]
            },
            "contents[0].parts[0].fileData",
        ),
        (
            {"contents": [{"parts": [{"text": "a"}]}, {"parts": [RESPONSE]}], "tools": TOOLS},
            "contents[1].parts[0].functionResponse",
        ),
        (
            {"contents": [{"parts": [{"text": "a"}]}, {"role": "model", "parts": [CALL]}]},
            "tools",
        ),
        ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        (
            {"tools": [{"functionDeclarations": [{"name": "two words"}]}]},
            "tools[0].functionDeclarations[0].name",
        ),
        (
            {
                "tools": [
                    {"functionDeclarations": [{"name": "a", "parameters": {"type": "CANARY"}}]}
                ]
            },
            "tools.functionDeclarations[0].parameters",
        ),
        (
            {"tools": [{"functionDeclarations": [FUNCTION | {"parametersJsonSchema": {}}]}]},
            "tools.functionDeclarations[0].parameters",
        ),
        (
            {
                "tools": [
                    {
                        "functionDeclarations": [
                            {"name": "a", "parametersJsonSchema": {"maximum": 2**80}}
                        ]
                    }
                ]
            },
            "tools.functionDeclarations[0].parametersJsonSchema",
        ),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            {
                "tools": TOOLS,
                "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["order_of"]}},
            },
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        (
            {
                "tools": TOOLS,
                "toolConfig": {
                    "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["canary"]}
                },
            },
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        (
            {
                "tools": [
                    {
                        "functionDeclarations": [
                            FUNCTION,
                            FUNCTION | {"name": "b"},
                            FUNCTION | {"name": "c"},
                        ]
                    }
                ],
                "toolConfig": {
                    "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["b", "c"]}
                },
            },
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        (
            {
                "contents": [{"parts": [{"text": "a"}]}, {"role": "model", "parts": [CALL]}],
                "tools": TOOLS,
                "toolConfig": {"functionCallingConfig": {"mode": "NONE"}},
            },
            "toolConfig.functionCallingConfig.mode",
        ),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused_by_name(
    request_fields: dict[str, Any], param: str
) -> None:
    for dialect, line in ((GEMINI, line_of(**request_fields)), (VERTEX, {})):
        content = line or {"request": line_of(**request_fields)["request"]}
        with pytest.raises(RecordInvalid) as caught:
            dialect.read(Line(7, 0, 0, json.dumps(content).encode()))

        assert caught.value.code == "invalid_request"
        assert caught.value.param == f"request.{param}"
        assert param in str(caught.value)
        assert "canary" not in str(caught.value).lower()


@pytest.mark.parametrize(
    ("line", "param"),
    [
        (line_of() | {"key": ""}, "key"),
        (line_of() | {"key": 7}, "key"),
        ({"request": line_of()["request"]}, "key"),
        ({"key": "a"}, "request"),
        (line_of() | {"metadata": {}}, "metadata"),
    ],
)
def test_a_line_that_is_no_request_is_refused(line: dict[str, Any], param: str) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line)

    assert (caught.value.code, caught.value.param) == ("invalid_request", param)


@pytest.mark.parametrize("content", [b"{broken", b"[]", b'{"request": NaN}', b"[" * 100_000, None])
@pytest.mark.parametrize("dialect", [GEMINI, VERTEX])
def test_what_is_not_json_is_told_with_its_line(
    dialect: Gemini | Vertex, content: bytes | None
) -> None:
    with pytest.raises(RecordInvalid, match="line 7") as caught:
        dialect.read(Line(7, 0, 0, content))

    assert caught.value.code in {"invalid_json_line", "line_too_long"}


@pytest.mark.parametrize(
    ("fields", "gemini", "vertex"),
    [
        (line_of(), True, False),
        ({"request": line_of()["request"]}, False, True),
        ({"key": "a", "request": "GET /"}, False, False),
        ({"request": "GET /"}, False, False),
        ({"custom_id": "a", "params": {}}, False, False),
    ],
)
def test_the_dialects_are_told_by_a_line(
    fields: dict[str, Any], gemini: bool, vertex: bool
) -> None:
    assert (Gemini.speaks(fields), Vertex.speaks(fields)) == (gemini, vertex)


def test_a_line_of_vertex_is_known_by_its_number_and_asks_the_same() -> None:
    line = {"request": line_of(**CAMEL)["request"]}
    record = read_bare(line)

    assert record.record_id == "line-7"
    assert VERTEX.request(record).body == body(line_of(**CAMEL))


ANSWERED = Answered(key=KEY, model="m", at=NOON)


def unanswered(code: str) -> Unanswered:
    return Unanswered(code=code, message="told", line=7, param=None, key=KEY, model="m", at=NOON)


def written(line: dict[str, Any]) -> Any:
    return json.loads(orjson.dumps(line))


@pytest.mark.parametrize(
    ("stop_reason", "told"),
    [
        ("end_turn", "STOP"),
        ("stop_sequence", "STOP"),
        ("max_tokens", "MAX_TOKENS"),
        ("content_filtered", "SAFETY"),
        ("something_new", "OTHER"),
    ],
)
def test_an_answer_has_the_shape_of_the_gemini_api(stop_reason: str, told: str) -> None:
    assert written(GEMINI.answer(read(line_of()), completion(stop_reason), ANSWERED)) == {
        "key": "req-1",
        "response": {
            "candidates": [
                {
                    "content": {"parts": [{"text": "payments"}], "role": "model"},
                    "finishReason": told,
                    "index": 0,
                }
            ],
            "usageMetadata": {
                "promptTokenCount": 25,
                "candidatesTokenCount": 9,
                "totalTokenCount": 34,
                "cachedContentTokenCount": 3,
            },
            "modelVersion": "m",
            "responseId": "0123456789abcdef01234567",
        },
    }


def test_a_call_of_a_function_has_the_shape_of_the_gemini_api() -> None:
    call = {"toolUse": {"toolUseId": "tooluse_1", "name": "order_of", "input": {"id": "8841"}}}
    thought = {"reasoningContent": {"reasoningText": {"text": "hm"}}}

    line = GEMINI.answer(read(line_of()), completion("tool_use", thought, call), ANSWERED)

    (candidate,) = line["response"]["candidates"]
    assert candidate["content"]["parts"] == [
        {"functionCall": {"id": "tooluse_1", "name": "order_of", "args": {"id": "8841"}}}
    ]
    assert candidate["finishReason"] == "STOP"


FAILURES = [
    ("invalid_request", 3, "Bad Request", 400, "INVALID_ARGUMENT"),
    ("content_filtered", 3, "Bad Request", 400, "INVALID_ARGUMENT"),
    ("model_not_found", 5, "Not Found", 404, "NOT_FOUND"),
    ("access_denied", 7, "Forbidden", 403, "PERMISSION_DENIED"),
    ("throttled", 8, "Too Many Requests", 429, "RESOURCE_EXHAUSTED"),
    ("timed_out", 4, "Gateway Timeout", 504, "DEADLINE_EXCEEDED"),
    ("deadline", 4, "Gateway Timeout", 504, "DEADLINE_EXCEEDED"),
    ("cancelled", 1, "Client Closed Request", 499, "CANCELLED"),
    ("unavailable", 14, "Service Unavailable", 503, "UNAVAILABLE"),
    ("unforeseen", 13, "Internal Server Error", 500, "INTERNAL"),
]


@pytest.mark.parametrize(("code", "number", "_phrase", "_http", "status"), FAILURES)
def test_a_failure_has_the_shape_of_the_gemini_api(
    code: str, number: int, _phrase: str, _http: int, status: str
) -> None:
    assert GEMINI.failure("req-1", None, None, unanswered(code)) == {
        "key": "req-1",
        "error": {"code": number, "message": f"{code}: told (line 7)", "status": status},
    }


@pytest.mark.parametrize(("code", "_number", "phrase", "http", "status"), FAILURES)
def test_a_failure_has_the_shape_of_vertex(
    code: str, _number: int, phrase: str, http: int, status: str
) -> None:
    record = read_bare({"request": line_of()["request"]})

    line = written(VERTEX.failure("line-7", record, None, unanswered(code)))

    told, _, error = line.pop("status").partition(": ")
    assert told == phrase
    assert json.loads(error) == {
        "error": {"code": http, "message": f"{code}: told (line 7)", "status": status}
    }
    assert line == {
        "processed_time": NOON.isoformat(timespec="milliseconds"),
        "request": line_of()["request"],
        "response": {},
    }


def test_an_answer_has_the_shape_of_vertex() -> None:
    record = read_bare({"request": line_of()["request"]})

    assert written(VERTEX.answer(record, completion(), ANSWERED)) == {
        "status": "",
        "processed_time": NOON.isoformat(timespec="milliseconds"),
        "request": line_of()["request"],
        "response": GEMINI.answer(read(line_of()), completion(), ANSWERED)["response"],
    }


def test_a_line_that_could_not_be_read_is_not_repeated() -> None:
    assert VERTEX.failure(None, None, None, unanswered("invalid_json_line"))["request"] is None


def test_a_cut_answer_goes_with_its_failure() -> None:
    record = read_bare({"request": line_of()["request"]})
    cut = completion("max_tokens")

    keyed = GEMINI.failure("req-1", None, cut, unanswered("truncated"))
    bare = VERTEX.failure("line-7", record, cut, unanswered("truncated"))

    assert keyed["error"]["status"] == "OUT_OF_RANGE"
    assert bare["status"].startswith("Bad Request: ")
    for line in (keyed, bare):
        assert line["response"]["candidates"][0]["finishReason"] == "MAX_TOKENS"


RICH = {
    "key": "req-1",
    "request": CAMEL
    | {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "look"},
                    {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
                    {"file_data": {"mime_type": "image/png", "file_uri": "s3://shop/a.png"}},
                ],
            },
            {"role": "model", "parts": [CALL]},
            {"role": "user", "parts": [RESPONSE]},
        ]
    },
}


@given(line=odd(RICH))
def test_whatever_is_odd_about_a_line_is_told_or_can_be_asked(line: dict[str, Any]) -> None:
    try:
        record = read(line)
    except RecordInvalid:
        return

    assert orjson.dumps(GEMINI.request(record).body)


@given(content=broken(json.dumps(RICH).encode()))
def test_whatever_bytes_a_line_holds_it_is_told_or_can_be_asked(content: bytes) -> None:
    try:
        record = GEMINI.read(Line(7, 0, 0, content))
    except RecordInvalid:
        return

    assert orjson.dumps(GEMINI.request(record).body)


@given(content=broken(json.dumps({"request": RICH["request"]}).encode()))
def test_whatever_bytes_a_line_of_vertex_holds_it_is_told_or_can_be_asked(content: bytes) -> None:
    try:
        record = VERTEX.read(Line(7, 0, 0, content))
    except RecordInvalid:
        return

    assert orjson.dumps(VERTEX.request(record).body)
    assert orjson.dumps(VERTEX.answer(record, completion(), ANSWERED))
