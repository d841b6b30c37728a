"""What a file would do and cost, told without AWS by the code that plans jobs."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from batchwright.cli.estimate import MOST_PROBLEMS, estimate, terms_of
from batchwright.cli.show_estimate import Reading
from batchwright.places import INBOX, lane_key
from batchwright.route import DEFAULT_MAX_TOKENS
from tests.cli.conftest import Command
from tests.fakes import MODEL
from tests.laptop import Laptop, chat_file, chat_line, converse_line, jsonl

ROOT = Path(__file__).parents[2]
SERVED = ("--model", MODEL, "--model", "amazon.nova-lite-v1:0")
TITAN = "amazon.titan-text-lite-v1"
FACTS = {
    "file", "bytes", "dialect", "contract", "budget", "refused", "records", "chunks", "problems", "models",
    "total", "lane", "lanes", "quotas",
}  # fmt: skip
OF_A_MODEL = {
    "model", "records", "input_tokens", "output_tokens", "cost_usd", "quota", "minutes",
}  # fmt: skip
TAGS = """
name: tags
routes: [{model: us.amazon.nova-lite-v1:0, max_tokens: 48}]
prompt: {user: "Tags for {{ title }}", id: sku}
"""
TABLE = b"sku,title\nA,Coffee machine\nB,Kettle\nB,Kettle again\nC\n"
BROKEN = b"{broken\n"

pytestmark = pytest.mark.usefixtures("nowhere")


@pytest.fixture
def laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where somebody works."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(content: bytes, contract: str | None = None) -> tuple[Any, list[dict[str, Any]], int]:
    """What a job of the same file says: its row, its problems, its chunks."""
    laptop = Laptop(chunk_records=1000)
    key = f"{INBOX}file.jsonl"
    if contract is not None:
        laptop.put_contract("tags", contract)
        key = f"{INBOX}tags/file.csv"
    job_id = laptop.drop(content, key)
    state = laptop.plan(job_id)["state"]
    chunks = len(laptop.chunks(job_id)) if state == "done" else 0
    return laptop.row(job_id), laptop.problems(job_id), chunks


MIXED = jsonl(
    [
        *(chat_line(f"r{number}", "say it " * number) for number in range(2500)),
        chat_line("long", "x", max_tokens=7, model="amazon.nova-lite-v1:0"),
        chat_line("r3", "again"),
        chat_line("n", "two", n=2),
    ]
)


@pytest.mark.parametrize(
    ("content", "contract"),
    [
        (chat_file(3), None),
        (MIXED, None),
        (MIXED + BROKEN, None),
        (gzip.compress(MIXED + BROKEN, mtime=0), None),
        (jsonl([converse_line("a", "é" * 999), converse_line("a", "b")]), None),
        (TABLE, TAGS),
        (gzip.compress(TABLE, mtime=0), TAGS),
    ],
    ids=["chat", "duplicates", "broken", "gzip", "converse", "table", "table.gz"],
)
def test_it_says_what_the_plan_of_a_job_says(
    batchwright: Command, laid: Path, content: bytes, contract: str | None
) -> None:
    file = laid / "file"
    file.write_bytes(content)
    (laid / "tags.yaml").write_text(TAGS)
    under = ("--contract", "tags", "--model", MODEL) if contract else SERVED

    said = batchwright("estimate", file, *under, "--json")

    row, problems, chunks = planned(content, contract)
    facts = said.json
    assert facts["refused"] is row.reason is None
    assert facts["records"] == row.total
    assert facts["chunks"] == row.chunks == chunks
    assert facts["problems"]["count"] == row.problems == len(problems)
    assert facts["problems"]["first"] == problems
    assert facts["total"]["input_tokens"] == row.estimate["input_tokens"]
    assert facts["total"]["output_tokens"]["most"] == row.estimate["max_output_tokens"]
    most = facts["total"]["cost_usd"]["on_demand"]["most"]
    assert most == pytest.approx(row.estimate["max_cost_usd"])
    assert said.code == (3 if problems else 0)
    assert said.err == ""


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"{}\n", "unknown_dialect", 1),
        (b"\n" + BROKEN, "invalid_json_line", 2),
        (b"sku,title\nA,x\n", "unknown_dialect", 1),
        (jsonl([chat_line("a", "b", n=2)] * 2), "no_valid_record", None),
        (b"\xff\xfea\x00", "unsupported_encoding", 1),
        (gzip.compress(chat_file(50), mtime=0)[:60], "corrupt_input", None),
    ],
)
def test_a_file_that_a_job_would_refuse_is_refused_with_its_line(
    batchwright: Command, laid: Path, content: bytes, code: str, line: int | None
) -> None:
    file = laid / "file"
    file.write_bytes(content)

    said = batchwright("estimate", file, *SERVED, "--json")
    shown = batchwright("estimate", file, *SERVED)

    row, problems, _ = planned(content)
    assert said.code == shown.code == 4
    assert said.json["refused"] == row.reason.model_dump()
    assert said.json["refused"] | {"code": code, "line": line} == said.json["refused"]
    assert said.json["problems"]["count"] == row.problems
    assert said.json["problems"]["first"] == problems[:-1]
    assert said.json["models"] == []
    assert said.json["total"]["cost_usd"]["on_demand"] == {"least": 0, "most": 0}
    assert f"{code}: " in shown.out
    assert (f"(line {line})" in shown.out) == (line is not None)


PATIENT = """
name: patient
routes: [{model: us.amazon.nova-premier-v1:0, max_tokens: 90000, tpm: 1000000}]
models: {"*": us.amazon.nova-premier-v1:0}
lane: auto
"""


@pytest.mark.parametrize(
    ("records", "said", "lane", "code"),
    [
        (150, "", "bedrock_batch", "price"),
        (99, "", "on_demand", "few_records"),
        (150, "deadline: 3h", "on_demand", "deadline"),
    ],
)
def test_it_says_which_lane_the_plan_of_a_job_takes_and_why(
    batchwright: Command, laid: Path, records: int, said: str, lane: str, code: str
) -> None:
    content = chat_file(records)
    (laid / "file.jsonl").write_bytes(content)
    (laid / "patient.yaml").write_text(PATIENT + said)

    told = batchwright("estimate", "file.jsonl", "--contract", "patient", "--tpm", 10**6, "--json")
    shown = batchwright("estimate", "file.jsonl", "--contract", "patient", "--tpm", 10**6).out

    laptop = Laptop(models=("us.amazon.nova-premier-v1:0",))
    laptop.put_contract("patient", PATIENT + said)
    job_id = laptop.drop(content, f"{INBOX}patient/file.jsonl")
    laptop.plan(job_id)
    kept = json.loads(laptop.objects.read(lane_key(job_id)))
    choice = told.json["lane"]
    assert (choice["lane"], choice["reasons"][0]["code"]) == (lane, code)
    assert choice == {name: kept[name] for name in choice}
    assert f"lane       {lane}, $" in shown
    assert choice["reasons"][0]["message"] in shown
    assert "otherwise  flex, its price not known, its time not known: " in shown
    assert "otherwise  sagemaker_async, cannot be taken: the first route asks bedrock" in shown


def test_a_file_that_cannot_take_its_contracts_lane_is_refused(
    batchwright: Command, laid: Path
) -> None:
    asks = [chat_line(f"r{n}", "hello") for n in range(120)]
    asks[5]["body"]["tools"] = [{"type": "function", "function": {"name": "t"}}]
    asks[8]["body"]["tools"] = [{"type": "function", "function": {"name": "t", "strict": True}}]
    (laid / "strict.jsonl").write_bytes(jsonl(asks))
    (laid / "file.jsonl").write_bytes(jsonl(asks[:8] + asks[9:]))
    (laid / "patient.yaml").write_text(PATIENT.replace("auto", "bedrock_batch"))

    said = batchwright("estimate", "strict.jsonl", "--contract", "patient", "--json")
    without = batchwright("estimate", "file.jsonl", "--contract", "patient", "--json")

    assert said.code == 4
    assert (said.json["refused"]["code"], said.json["refused"]["line"]) == ("lane_unsuitable", 9)
    assert "toolConfig.tools[0].toolSpec.strict" in said.json["refused"]["message"]
    assert said.json["lane"] is None
    assert (without.code, without.json["lane"]["lane"]) == (0, "bedrock_batch")


def test_all_that_is_told_of_a_model(batchwright: Command, mails: Path) -> None:
    said = batchwright("estimate", mails, "--tpm", 1000, "--rpm", 2, "--json")

    facts = said.json
    (model,) = facts["models"]
    most = 5 * DEFAULT_MAX_TOKENS
    assert facts.keys() == FACTS
    assert facts["file"] == str(mails)
    assert facts["bytes"] == mails.stat().st_size
    assert (facts["dialect"], facts["contract"]) == ("openai_chat", "default")
    assert facts["problems"] == {"count": 0, "by_code": {}, "first": []}
    assert model.keys() == OF_A_MODEL
    assert model["model"] == MODEL
    assert (model["records"], model["output_tokens"]) == (5, {"least": 0, "most": most})
    assert model["quota"] == {
        "rpm": 2,
        "tpm": 1000,
        "output_burndown": 1,
        "reserved_tokens": model["input_tokens"] + most,
    }
    assert model["minutes"] == facts["total"]["minutes"] == (model["input_tokens"] + most) / 1000
    assert model["cost_usd"].keys() == facts["lanes"].keys()
    assert model["cost_usd"]["flex"] is None
    assert 0 < model["cost_usd"]["on_demand"]["least"] < model["cost_usd"]["on_demand"]["most"]
    for bound in ("least", "most"):
        half = model["cost_usd"]["on_demand"][bound] / 2
        assert model["cost_usd"]["bedrock_batch"][bound] == pytest.approx(half)


def test_the_slower_of_requests_and_tokens_tells_the_time(
    batchwright: Command, mails: Path
) -> None:
    facts = batchwright("estimate", mails, "--rpm", 2, "--json").json

    assert facts["models"][0]["quota"]["tpm"] == 4_000_000
    assert facts["total"]["minutes"] == 2.5


def test_output_of_newer_claudes_takes_five_times_its_quota(
    batchwright: Command, mails: Path
) -> None:
    model = "us.anthropic.claude-sonnet-4-20250514-v1:0"

    (told,) = batchwright("estimate", mails, "--model", model, "--json").json["models"]

    reserved = told["input_tokens"] + 5 * told["output_tokens"]["most"]
    assert told["quota"]["reserved_tokens"] == reserved
    assert told["minutes"] == reserved / 200_000


def test_a_server_of_ones_own_costs_what_its_contract_says_on_demand_and_nowhere_else(
    batchwright: Command, laid: Path, mails: Path
) -> None:
    own = (
        f"engine: openai, model: '{MODEL}', base_url: 'https://llm.example.com/v1', max_tokens: 10"
    )
    (laid / "own.yaml").write_text(
        f"name: own\nroutes: [{{{own}, price: {{input: 10, output: 0}}}}]\nmodels: {{'*': '{MODEL}'}}\n"
    )

    (told,) = batchwright("estimate", mails, "--contract", "./own.yaml", "--json").json["models"]

    assert told["model"] == MODEL
    cost = told["input_tokens"] / 100_000
    assert told["cost_usd"].pop("on_demand") == {"least": cost, "most": cost}
    assert {*told["cost_usd"].values()} == {None}
    assert (told["quota"]["tpm"], told["minutes"]) == (None, None)


def test_what_nobody_knows_is_null_and_never_0(batchwright: Command, laid: Path) -> None:
    file = laid / "file.jsonl"
    file.write_bytes(jsonl([chat_line("a", "b"), chat_line("c", "d", model="some.new-model")]))

    said = batchwright("estimate", file, "--model", MODEL, "--model", "some.new-model", "--json")
    shown = batchwright("estimate", file, "--model", "some.new-model")

    known, new = said.json["models"]
    assert known["cost_usd"]["on_demand"]["most"] > 0
    assert set(new["cost_usd"].values()) == {None}
    assert (new["quota"]["tpm"], new["minutes"]) == (None, None)
    assert set(said.json["total"]["cost_usd"].values()) == {None}
    assert said.json["total"]["minutes"] is None
    assert said.code == 0
    assert "on_demand: not known" in shown.out
    assert "no quota that is known" in shown.out


def test_a_model_that_may_not_be_asked_is_a_problem_of_its_line(
    batchwright: Command, laid: Path
) -> None:
    file = laid / "file.jsonl"
    file.write_bytes(jsonl([chat_line("a", "b"), chat_line("c", "d", model=TITAN)]))

    refused = batchwright("estimate", file, "--json")
    allowed = batchwright("estimate", file, "--model", MODEL, "--model", TITAN, "--json")

    assert (refused.code, allowed.code) == (3, 0)
    assert refused.json["problems"]["by_code"] == {"model_not_found": 1}
    assert refused.json["problems"]["first"][0]["line"] == 2
    assert [model["model"] for model in allowed.json["models"]] == [MODEL, TITAN]


def test_problems_are_counted_all_and_told_up_to_a_bound(batchwright: Command, laid: Path) -> None:
    file = laid / "file.jsonl"
    file.write_bytes(chat_file(1) + BROKEN * (MOST_PROBLEMS + 5))

    said = batchwright("estimate", file, "--json")
    shown = batchwright("estimate", file)

    problems = said.json["problems"]
    assert problems["count"] == problems["by_code"]["invalid_json_line"] == MOST_PROBLEMS + 5
    assert [each["line"] for each in problems["first"]] == [*range(2, MOST_PROBLEMS + 2)]
    assert shown.out.count("invalid_json_line: ") == 20
    assert "line 21 " in shown.out
    assert "and 985 more" in shown.out


SUMMARY = """
name: summary
routes: [{model: us.amazon.nova-lite-v1:0, max_tokens: 48}]
prompt: {user: "Sum up {{ text }}"}
"""
REPORT = b"# Report\n\nOf things, and of others.\n"


@pytest.mark.parametrize(
    ("name", "content", "dialect"),
    [
        ("report.md", REPORT, "document"),
        ("REPORT.TXT", REPORT, "document"),
        ("отчёт.md.gz", gzip.compress(REPORT, mtime=0), "document"),
        ("report.csv", b"text\nhello\n", "csv"),
    ],
    ids=["md", "TXT", "md.gz", "csv"],
)
def test_a_files_suffix_says_that_it_is_a_document_as_it_does_to_a_job(
    batchwright: Command, laid: Path, name: str, content: bytes, dialect: str
) -> None:
    (laid / name).write_bytes(content)
    (laid / "summary.yaml").write_text(SUMMARY)
    laptop = Laptop()
    laptop.put_contract("summary", SUMMARY)
    job_id = laptop.drop(content, f"{INBOX}summary/{name}")
    laptop.plan(job_id)

    said = batchwright("estimate", name, "--contract", "summary", "--model", MODEL, "--json")

    (chunk,) = laptop.chunks(job_id)
    assert said.code == 0
    assert said.json["dialect"] == chunk.dialect == dialect
    assert said.json["records"] == 1


@pytest.mark.parametrize("place", ["tags.yaml", "contracts/tags.yaml"])
def test_a_contract_is_found_by_its_name(batchwright: Command, laid: Path, place: str) -> None:
    (laid / "contracts").mkdir()
    (laid / place).write_text(TAGS)
    (laid / "table.csv").write_bytes(TABLE)

    said = batchwright("estimate", "table.csv", "--contract", "tags", "--json")

    assert said.code == 3
    assert (said.json["contract"], said.json["dialect"]) == ("tags", "csv")
    assert said.json["problems"]["by_code"] == {"duplicate_custom_id": 1, "invalid_row": 1}
    assert said.json["models"][0]["output_tokens"]["most"] == 2 * 48


def test_a_contract_is_found_by_its_path(batchwright: Command, laid: Path) -> None:
    (laid / "tags of May.yml").write_text(TAGS)
    (laid / "table.csv").write_bytes(TABLE)

    said = batchwright("estimate", "table.csv", "--contract", "./tags of May.yml", "--json")

    assert said.json["contract"] == "tags"


def test_without_a_contract_none_is_looked_for(batchwright: Command, laid: Path) -> None:
    (laid / "default.yaml").write_text("not: ours")
    (laid / "file.jsonl").write_bytes(chat_file(1))

    assert batchwright("estimate", "file.jsonl", "--json").json["contract"] == "default"


def test_a_contract_that_is_not_there_is_told_with_the_places(
    batchwright: Command, laid: Path
) -> None:
    (laid / "file.jsonl").write_bytes(chat_file(1))

    named = batchwright("estimate", "file.jsonl", "--contract", "tags")
    placed = batchwright("estimate", "file.jsonl", "--contract", "./tags.yml")

    assert named.code == placed.code == 4
    assert named.out == placed.out == ""
    assert "'tags' here; looked for tags, tags.yaml, contracts/tags.yaml" in named.err
    assert "looked for tags.yml" in placed.err


def test_a_contract_that_does_not_read_is_told_with_its_fault(
    batchwright: Command, laid: Path
) -> None:
    (laid / "file.jsonl").write_bytes(chat_file(1))
    (laid / "tags.yaml").write_text("name: tags\nroutes: []\n")

    said = batchwright("estimate", "file.jsonl", "--contract", "tags")

    assert said.code == 4
    assert "contract 'tags': routes: " in said.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "FILE"),
        (("nowhere.jsonl",), "nowhere.jsonl"),
        ((__file__, "--rpm", 0), "--rpm"),
        ((__file__, "--tpm", "many"), "--tpm"),
        ((os.devnull,), "write it to disk first"),
    ],
)
def test_a_wrong_call_is_code_2(
    batchwright: Command, arguments: tuple[object, ...], word: str
) -> None:
    said = batchwright("estimate", *arguments)

    assert (said.code, said.out) == (2, "")
    assert word in said.err


def test_people_are_told_the_same_in_lines(batchwright: Command, mails: Path) -> None:
    said = batchwright("estimate", mails)

    assert said.code == 0
    for line in (
        "dialect    openai_chat",
        "records    5",
        f"model      {MODEL}: 5 records",
        "0 to 10,240 out",
        "cost       flex: not known",
        "bedrock_batch: 50% of on_demand; https://docs.aws.amazon.com/",
        "at 4,000,000 tokens a minute",
        "AWS's defaults in us-east-1 as of 20",
    ):
        assert line in said.out


def test_on_a_terminal_the_models_are_a_table(
    batchwright: Command, laid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    file = laid / "file.jsonl"
    file.write_bytes(jsonl([chat_line("a", "b"), chat_line("c", "d", model=TITAN)]))

    said = batchwright("estimate", file, "--model", MODEL, "--model", TITAN)

    titles, *rows = Text.from_ansi(said.out).plain.splitlines()[5:9]
    assert titles.split()[:3] == ["model", "records", "tokens"]
    assert [row.split()[0] for row in rows] == [MODEL, TITAN, "all"]
    assert "reading" in said.err


def test_the_bar_begins_again_where_the_file_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    reading = Reading()
    places = []

    for read in (4, 8, 2):
        reading.seen(read, 8)
        (task,) = reading.progress.tasks
        places.append((task.completed, task.total))

    assert places == [(4, 8), (8, 8), (2, 8)]


def test_nothing_is_left_behind(
    laid: Path, monkeypatch: pytest.MonkeyPatch, batchwright: Command
) -> None:
    scratch = laid / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    file = laid / "file.jsonl.gz"
    file.write_bytes(gzip.compress(MIXED))

    assert batchwright("estimate", file).code == 3
    assert [*scratch.iterdir()] == []


def test_the_file_is_read_in_blocks_and_told_as_it_is_read(laid: Path) -> None:
    file = laid / "file.jsonl"
    file.write_bytes(chat_file(60_000))
    seen: list[tuple[int, int]] = []

    found = estimate(file, terms_of(None, ()), None, lambda *place: seen.append(place))

    size = file.stat().st_size
    assert found.records == 60_000
    assert {total for _, total in seen[:-1]} == {size}
    assert max(read for read, _ in seen) == size
    assert len(seen) > size // (4 * 1024 * 1024)


def test_it_needs_no_aws_and_does_not_even_load_it(mails: Path) -> None:
    script = (
        "import sys\n"
        "from batchwright.cli import main\n"
        f"code = main(['estimate', {str(mails)!r}, '--json'])\n"
        "heavy = {'boto3', 'botocore', 'aiohttp', 'pyarrow'} & {*sys.modules}\n"
        "sys.exit(repr(heavy) if heavy else code)\n"
    )
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}

    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", script], env=bare, capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["records"] == 5


@pytest.mark.parametrize(
    ("usd", "model", "fits", "told"),
    [
        (5, MODEL, True, "$5.00: all records fit in it"),
        (0.000001, MODEL, False, "$0.000001: not all records may fit in it"),
        (5, "amazon.nova-next-v1:0", None, "$5.00: not known whether"),
    ],
)
def test_it_says_whether_the_file_fits_in_the_budget(
    batchwright: Command, laid: Path, usd: float, model: str, fits: bool | None, told: str
) -> None:
    (laid / "mails.jsonl").write_bytes(chat_file(3))
    contract = f"name: frugal\nroutes: [{{model: '{model}'}}]\nmodels: {{'*': '{model}'}}\n"
    (laid / "frugal.yaml").write_text(contract + f"budget: {{usd: {usd:f}}}\n")

    facts = batchwright("estimate", "mails.jsonl", "--contract", "frugal", "--json").json
    said = batchwright("estimate", "mails.jsonl", "--contract", "frugal")

    assert facts["budget"] == {"usd": usd, "fits": fits}
    assert told in said.out
    if fits is None:
        assert facts["refused"]["code"] == "price_unknown"


def test_without_a_budget_nothing_is_said_of_one(batchwright: Command, laid: Path) -> None:
    (laid / "mails.jsonl").write_bytes(chat_file(3))

    assert batchwright("estimate", "mails.jsonl", "--json").json["budget"] is None
    assert "budget" not in batchwright("estimate", "mails.jsonl").out


def test_a_name_that_is_not_utf_8_is_told_as_far_as_it_is(
    batchwright: Command, tmp_path: Path
) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    file.write_bytes(chat_file(2))

    said = batchwright("estimate", file, "--json")

    assert (said.code, said.json["file"]) == (0, f"{tmp_path}/caf?.jsonl")
    assert "cafU+DCE9.jsonl" in batchwright("estimate", file).out


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_amount_is_cut_where_the_terminal_is_narrow(
    batchwright: Command, tmp_path: Path, nowhere: pytest.MonkeyPatch, width: int
) -> None:
    file = tmp_path / "mails.jsonl"
    file.write_bytes(chat_file(9))
    for name, value in {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "COLUMNS": width}.items():
        nowhere.setenv(name, str(value))

    said = batchwright("estimate", file)

    table = Text.from_ansi(said.out).plain.partition("chunks")[2].partition("otherwise")[0]
    assert "us.a" in table
    assert "\u2026" not in table
