"""The table of parameters in docs/formats.md says what the code does: every dialect, every name in it."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from batchwright import natives
from batchwright.completion import Completion
from batchwright.dialects import (
    NAMES,
    anthropic,
    converse,
    gemini,
    invoke_model,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from batchwright.dialects.dialect import Answered, Dialect
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.usage import Usage
from tests.natives import PLAIN

DOCS = Path(__file__).parents[2] / "docs"
WILD = [True, 2, 0.5, "wild", ["wild"], {"wild": "wild"}]
COLUMNS = ("accepted", "defaults", "refused", "emitted")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A dialect, a file of it, where a line's parameters are, and where an answer's members are."""

    dialect: Dialect
    file: str
    shape: type
    at: str
    answer_at: tuple[str, ...]


def of_openai(dialect: Dialect, file: str, shape: type) -> Sample:
    return Sample(
        dialect=dialect, file=file, shape=shape, at="body", answer_at=("response", "body")
    )


def of_google(dialect: Dialect, file: str) -> Sample:
    return Sample(
        dialect=dialect,
        file=file,
        shape=gemini.GenerateContent,
        at="request",
        answer_at=("response",),
    )


SAMPLES = {
    sample.dialect.name: sample
    for sample in (
        of_openai(openai_chat.OpenAIChat(), "support-mails.jsonl", openai_chat.Body),
        of_openai(
            openai_responses.OpenAIResponses(),
            "questions.openai_responses.jsonl",
            openai_responses.Body,
        ),
        of_openai(
            openai_completions.OpenAICompletions(),
            "slogans.openai_completions.jsonl",
            openai_completions.Body,
        ),
        of_openai(
            openai_embeddings.OpenAIEmbeddings(),
            "products.openai_embeddings.jsonl",
            openai_embeddings.Body,
        ),
        Sample(
            dialect=anthropic.Anthropic(),
            file="mails.anthropic.jsonl",
            shape=anthropic.Params,
            at="params",
            answer_at=("result", "message"),
        ),
        Sample(
            dialect=converse.Converse(),
            file="questions.converse.jsonl",
            shape=converse.ModelInput,
            at="modelInput",
            answer_at=("modelOutput",),
        ),
        of_google(gemini.Gemini(), "questions.gemini.jsonl"),
        of_google(gemini.Vertex(), "questions.vertex.jsonl"),
    )
}


def table(columns: tuple[str, ...]) -> dict[str, dict[str, set[str]]]:
    """Return the names in each cell of the table that has so many columns, by its first column and by theirs."""
    text = (DOCS / "formats.md").read_text()
    section = text[text.index("## Parameters") :]
    lines = section[: section.index("\n## ", 3)].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    found: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        name, *cells = (re.findall(r"`([^`]+)`", cell) for cell in row)
        if len(cells) == len(columns):
            found |= {each: dict(zip(columns, map(set, cells), strict=True)) for each in name}
    return found


TABLE = table(COLUMNS)
FAMILIES = table(("accepted", "refused"))


def line_of(sample: Sample) -> dict[str, Any]:
    first: dict[str, Any] = json.loads((DOCS / "samples" / sample.file).read_text().splitlines()[0])
    return first


def read(sample: Sample, line: dict[str, Any]) -> Any:
    content = json.dumps(line).encode()
    return sample.dialect.read(Line(1, 0, len(content), content))


def each(column: str) -> list[Any]:
    return [
        pytest.param(sample, parameter, id=f"{name}-{parameter}")
        for name, sample in SAMPLES.items()
        for parameter in sorted(TABLE[name][column])
    ]


def test_every_dialect_of_json_lines_is_in_the_table() -> None:
    assert TABLE.keys() == SAMPLES.keys()
    assert SAMPLES.keys() <= set(NAMES)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_what_is_accepted_is_what_the_shape_has(sample: Sample) -> None:
    cells = TABLE[sample.dialect.name]

    assert cells["accepted"] & cells["defaults"] == set()
    fields = {field.encode_name for field in msgspec.structs.fields(sample.shape)}
    assert cells["accepted"] | cells["defaults"] == {
        name for name in fields if "_" not in name or sample.at != "request"
    }


@pytest.mark.parametrize(("sample", "parameter"), each("defaults"))
def test_what_is_taken_only_as_its_default_is_else_refused_by_name(
    sample: Sample, parameter: str
) -> None:
    for value in WILD:
        line = line_of(sample)
        line[sample.at] |= {parameter: value}

        with pytest.raises(RecordInvalid) as caught:
            read(sample, line)

        assert re.match(rf"{sample.at}\.{parameter}\b", caught.value.param or "")


@pytest.mark.parametrize(("sample", "parameter"), each("refused"))
def test_what_cannot_be_honoured_is_refused_by_name(sample: Sample, parameter: str) -> None:
    for value in WILD:
        line = line_of(sample)
        line[sample.at] |= {parameter: value}

        with pytest.raises(RecordInvalid) as caught:
            read(sample, line)

        assert caught.value.param == f"{sample.at}.{parameter}"
        assert parameter in str(caught.value)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_what_is_emitted_is_what_an_answer_has(sample: Sample) -> None:
    record = read(sample, line_of(sample))
    completion = Completion(
        content=[{"text": "Yes."}],
        stop_reason="end_turn",
        usage=Usage(input_tokens=3, output_tokens=2),
        latency_ms=5,
        vectors=[[0.5, 0.5]] if record.embeds else None,
    )
    answered = Answered(key="k" * 64, model="m", at=datetime(2026, 11, 24, tzinfo=UTC))

    answer = json.loads(orjson.dumps(sample.dialect.answer(record, completion, answered)))
    for step in sample.answer_at:
        answer = answer[step]

    assert answer.keys() == TABLE[sample.dialect.name]["emitted"]


def test_every_family_of_native_bodies_is_in_its_table() -> None:
    assert FAMILIES.keys() == set(natives.NAMES)


@pytest.mark.parametrize("family", natives.NAMES)
def test_what_a_native_body_may_say_is_what_its_shape_has(family: str) -> None:
    shape = natives.native(family).decoder.type

    fields = {field.encode_name for field in msgspec.structs.fields(shape)}
    assert FAMILIES[family]["accepted"] == fields


@pytest.mark.parametrize(
    ("family", "parameter"),
    [(family, each) for family in natives.NAMES for each in sorted(FAMILIES[family]["refused"])],
)
def test_what_a_native_body_may_not_say_is_refused_by_name(family: str, parameter: str) -> None:
    for value in WILD:
        line = {"recordId": "r", "modelInput": PLAIN[family] | {parameter: value}}
        content = json.dumps(line).encode()

        with pytest.raises(RecordInvalid) as caught:
            invoke_model.InvokeModel().read(Line(1, 0, len(content), content))

        assert caught.value.param == f"modelInput.{parameter}"
