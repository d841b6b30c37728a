"""Whatever goes wrong with a record, its text is in no error, outcome, row, event, metric or log line."""

import asyncio
import gzip
import io
import json
import logging
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batchwright.completion import Completion
from batchwright.contractfile import read_contract
from batchwright.errors import RecordInvalid, Withheld
from batchwright.filters import Filter, FilterSettings, Means, Subject
from batchwright.finding import Finding
from batchwright.request import Request
from batchwright.screens import Screens
from batchwright.settling import Asked
from tests.canary import CANARY, Listener, Sang, silent, silent_object
from tests.fakes import MODEL, ScriptedEngine, echo
from tests.laptop import Laptop, chat_file, chat_line, converse_line, jsonl

CONTRACT = f"""
name: looked
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
"""
TABLE = f"{CONTRACT}prompt: {{user: 'Sort {{{{ text }}}} by {{{{ price / 1 }}}}'}}\n"


def laptop_with(more: str = "", contract: str = CONTRACT, **world: Any) -> Laptop:
    laptop = Laptop(**world)
    laptop.put_contract("looked", contract + more)
    return laptop


def told_of(laptop: Laptop, content: bytes, name: str = "file.jsonl") -> tuple[str, str]:
    """Run a file; return all that is told of it, and all that is kept of it where texts may be."""
    row = laptop.run(content, f"inbox/looked/{name}")
    told, kept = [repr(row)], [""]
    for key in laptop.objects.keys(""):
        if row.job_id not in key:
            continue
        text = laptop.objects.read(key).decode(errors="replace")
        quiet = key.endswith(
            (
                "job.json",
                "plan.jsonl",
                "problems.jsonl",
                "outcomes.jsonl",
                "receipt.json",
                "report.html",
            )
        )
        (told if quiet else kept).append(text)
    return "".join(told), "".join(kept)


def test_the_canary_is_in_the_records_and_the_answers() -> None:
    told, kept = told_of(laptop_with(), chat_file(3))

    assert kept.count(CANARY) >= 3
    assert CANARY not in told


@pytest.mark.parametrize("then", ["review", "block"])
@pytest.mark.parametrize("stage", ["input", "output"])
def test_what_is_withheld_is_told_without_its_text(stage: str, then: str) -> None:
    filters = f"filters: {{{stage}: [{{length: {{max_chars: 5, then: {then}}}}}]}}"
    laptop = laptop_with(filters)

    told, _ = told_of(laptop, chat_file(3))

    assert told.count("too_long") >= 3
    assert CANARY not in told
    assert all(
        CANARY in laptop.objects.read(key).decode() for key in laptop.objects.keys("quarantine/")
    )


class Quoting:
    """A filter that fails with the text in its words."""

    gate = ()

    def __init__(self, fault: Exception | None) -> None:
        self._fault = fault

    async def look(self, subject: Subject) -> list[Finding]:
        words = " ".join(text.raw for text in subject.texts)
        raise (self._fault or ValueError(words)) from KeyError(words)


class QuotingSettings(FilterSettings):
    """Settings that make it."""

    fault: Any = None

    def filter(self, means: Means) -> Filter:  # noqa: ARG002
        return Quoting(self.fault)


class Entries:
    """A contract's filters that no contract can name."""

    name = "quoting"

    def __init__(self, settings: FilterSettings) -> None:
        self.settings = settings
        self.json_schema = None
        self.input = self.output = (self,)


class NoJudges:
    """Nobody who could be asked."""

    def of(self, _: Asked) -> None:
        return None


@pytest.mark.parametrize(
    "fault",
    [None, UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY), RecordInvalid("x", CANARY)],
)
@pytest.mark.parametrize("stage", ["asked", "answered"])
def test_a_filter_that_fails_with_the_text_in_its_words_tells_nothing_of_it(
    stage: str, fault: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    contract = read_contract(CONTRACT.encode(), name="looked")
    entries = Entries(QuotingSettings(then="pass", fault=fault))
    judges: Any = NoJudges()
    screens = Screens(contract.model_copy(update={"filters": entries}), Means(), judges)
    request = Request({"messages": [{"role": "user", "content": [{"text": CANARY}]}]})
    asked = Asked(completion=echo(request))

    with pytest.raises(Withheld) as caught, caplog.at_level(logging.DEBUG):
        asyncio.run(getattr(screens, stage)(asked, request))

    assert "filter_failed" in str(caught.value)
    silent("the fault", caught.value)
    silent("its findings", [each.to_json() for each in asked.notes.noted])
    silent("the log", caplog.text)


def test_an_engine_that_fails_with_the_text_in_its_words_tells_nothing_of_it() -> None:
    def fail(request: Request, _call: int) -> Completion:
        raise KeyError(str(request.body))

    told, _ = told_of(laptop_with(engine=ScriptedEngine(fail)), chat_file(3))

    assert told.count("unforeseen") >= 3
    assert CANARY not in told


def parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def torn(content: bytes) -> bytes:
    return content[: len(content) // 2] + CANARY.encode() + content[len(content) // 2 + 40 :]


ROWS = f"id,text,price\n1,good {CANARY},5\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cells.csv", f"{ROWS}2,{CANARY},6,{CANARY},{CANARY}\n".encode()),
        ("few.csv", f"{ROWS}{CANARY}\n".encode()),
        ("quote.csv", f'{ROWS}2,"{CANARY},7\n'.encode()),
        ("bytes.csv", f"{ROWS}2,{CANARY}".encode() + b"\xff\xfe,7\n"),
        ("type.csv", f"{ROWS}2,text,{CANARY}\n".encode()),
        ("twice.csv", f"{ROWS}1,{CANARY},{CANARY}\n".encode()),
        ("blank.csv", f"{ROWS},{CANARY},\n".encode()),
        (
            "broken.jsonl",
            f'{{"id": "1", "text": "{CANARY}", "price": 1}}\n{{"id": "2", "text": "{CANARY}\n'.encode(),
        ),
        (
            "deep.jsonl",
            f'{{"id": "1", "text": "{CANARY}", "price": {{"{CANARY}": ["{CANARY}"]}}}}\n'.encode(),
        ),
        ("type.parquet", parquet({"id": ["1"], "text": [CANARY], "price": [CANARY]})),
        (
            "null.parquet",
            parquet({"id": ["1", None], "text": [CANARY, CANARY], "price": [1, None]}),
        ),
        (
            "torn.parquet",
            torn(parquet({"id": ["1"] * 999, "text": [CANARY] * 999, "price": [1] * 999})),
        ),
        ("torn.csv.gz", torn(gzip.compress(f"{ROWS}{CANARY}".encode() * 99, mtime=0))),
        ("chat.jsonl", jsonl([{**chat_line("a", CANARY), "extra": CANARY}])),
        ("body.jsonl", jsonl([chat_line("a", CANARY, temperature=CANARY, stop=5)])),
        (
            "role.jsonl",
            jsonl([chat_line("a", CANARY, messages=[{"role": CANARY, "content": CANARY}])]),
        ),
        ("converse.jsonl", jsonl([converse_line("a", CANARY, inferenceConfig={"topK": CANARY})])),
        ("text.jsonl", f"{CANARY} {CANARY}\n".encode()),
    ],
)
def test_a_file_at_fault_is_told_without_its_text(name: str, content: bytes) -> None:
    kind = CONTRACT if name.partition(".")[0] in {"chat", "body", "role", "converse"} else TABLE

    told, _ = told_of(laptop_with(contract=kind), content, name)

    assert '"code"' in told
    assert CANARY not in told


def test_a_message_at_fault_is_told_without_its_text() -> None:
    laptop = Laptop()
    for message in (
        CANARY,
        json.dumps({"extra": CANARY}),
        json.dumps({"records": [{"text": CANARY}], "contract": "none"}),
        json.dumps({"records": CANARY}),
        json.dumps({"records": [{"text": CANARY}], "dialect": "none"}),
    ):
        laptop.admit(message, "message-1")

    assert laptop.jobs.rows


def test_the_listeners_hear_the_canary() -> None:
    with pytest.raises(Sang):
        silent("a row", {"text": CANARY})
    with pytest.raises(Sang):
        silent_object("jobs/a/plan.jsonl", CANARY.encode())
    silent_object("results/a/output.jsonl", CANARY.encode())

    listener = Listener()
    for record in (
        logging.makeLogRecord({"msg": CANARY}),
        logging.makeLogRecord({"msg": "%s", "args": (CANARY,)}),
        logging.makeLogRecord({"msg": "extra", "answer": {"text": CANARY}}),
        logging.makeLogRecord({"msg": "fault", "exc_info": (ValueError, ValueError(CANARY), None)}),
    ):
        listener.emit(record)
    assert len(listener.heard) == 4
