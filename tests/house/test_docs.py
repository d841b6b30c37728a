"""What the documents say is there, and what is there they say."""

import json
import re
from pathlib import Path

import pytest
import yaml

from batchwright.asking import OWN
from batchwright.cache import Cache
from batchwright.contract import Contract
from batchwright.contractfile import read_contract
from batchwright.document import Document
from batchwright.errors import (
    ContentFiltered,
    JobStops,
    NotAnswered,
    RecordEnds,
    Unforeseen,
    Withheld,
)
from batchwright.finding import Stage, Verdict
from batchwright.job import Status, reason_of
from batchwright.logwriter import FLUSH_OUTCOMES, FLUSH_SECONDS
from batchwright.message import Wish, wishes_of
from batchwright.outcome import Ending
from batchwright.prices import Price
from batchwright.prompt import Prompt
from batchwright.responseformat import ResponseFormat
from batchwright.route import Route
from batchwright.steps.sweep import MOST_RESTARTS, Did, Swept
from batchwright.unasked import ENDINGS, INPUT_GONE, NO_REASON
from batchwright.written import Written
from tests.house.cloudformation import Template, of_type

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SOURCE = ROOT / "layers/core/batchwright"
# Codes that stand for a file, a line, a message or a record; found where they are raised or kept.
CODE = re.compile(r'(?:Refused\(\s*|RecordInvalid\(\s*|Reason\(\s*code=)"([a-z_]+)"')
INVALID = re.compile(r'RecordInvalid\(\s*"([a-z_]+)"')
CLASS_CODE = re.compile(r'^    code = "([a-z_]+)"$', re.MULTILINE)
NEVER_SEEN = {
    "error",
    "throttled",
    "unavailable",
    "missing",
    "already_exists",
    "log_broken",
}


def table(page: str, column: str) -> list[list[str]]:
    """Return the cells of the page's table whose first column is called so."""
    lines = (ROOT / page).read_text().partition(f"\n| {column} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in lines.splitlines()[2:]]


def names(cell: str) -> list[str]:
    """Return the names in a cell."""
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_target_of_make_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    for page in PAGES:
        named = set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, page.name


def test_every_code_that_a_user_can_see_is_explained() -> None:
    told = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs/formats.md").read_text()))
    raised = {
        code for file in SOURCE.rglob("*.py") for code in CODE.findall(file.read_text())
    } | set(CLASS_CODE.findall((SOURCE / "errors.py").read_text()))

    assert len(raised) > 20
    assert raised - NEVER_SEEN <= told


def test_every_code_of_a_record_stands_once_in_its_table_with_its_ending() -> None:
    rows = table("docs/formats.md", "code of a record")
    told = {code: row[1] for row in rows for code in names(row[0])}
    endings = {kind.code: "failed" for kind in RecordEnds.__subclasses__() if "code" in vars(kind)}
    endings |= {kind.code: "failed" for kind in JobStops.__subclasses__()}
    endings |= {kind.code: "failed" for kind in OWN}
    endings |= {reason.code: "failed" for reason in (NO_REASON, INPUT_GONE, reason_of({}))}
    endings |= {NotAnswered("", expired=over).code: "failed" for over in (True, False)}
    endings |= {code: ending.value for code, ending in ENDINGS.items()}
    endings |= {Unforeseen.code: "failed", "batch_refused": "failed"}
    endings[ContentFiltered.code] = "blocked"
    for verdict, ending in ((Verdict.BLOCK, "blocked"), (Verdict.REVIEW, "review")):
        endings[Withheld("", verdict=verdict, stage=Stage.INPUT).code] = ending
    of_lines = {code for file in SOURCE.rglob("*.py") for code in INVALID.findall(file.read_text())}

    assert len(told) == sum(len(names(row[0])) for row in rows), "one stands there twice"
    assert told == dict.fromkeys(of_lines & told.keys(), "failed") | endings


def test_a_message_for_a_job_is_as_the_code_reads_it() -> None:
    page = (ROOT / "docs/formats.md").read_text()
    examples = re.findall(r"^    (\{.*\})$", page, re.MULTILINE)
    (sent,) = re.findall(r"--message-body '(.*)'", page)

    assert {field for row in table("docs/formats.md", "field") for field in names(row[0])} == set(
        Wish.model_fields
    )
    assert len(examples) == 2
    assert all(wishes_of(message.replace("BUCKET", "bucket"), "id") for message in examples)
    assert sent in examples


def test_every_field_of_a_contract_is_documented() -> None:
    page = (ROOT / "docs/contracts.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    written, cut, *others = found = [yaml.safe_load(example) for example in examples]
    routes = [route for each in (written, *others) for route in each["routes"]]

    assert set().union(*found) == set(Contract.model_fields)
    assert set(cut["document"]) == set(Document.model_fields)
    assert set().union(*routes) == set(Route.model_fields)
    assert set().union(*(route.get("price", ()) for route in routes)) == set(Price.model_fields)
    assert set(written["cache"]) == set(Cache.model_fields)
    assert set(written["prompt"]) == set(Prompt.model_fields)
    assert set(written["response"]) == {
        field.alias or name for name, field in ResponseFormat.model_fields.items()
    }
    for example, each in zip(examples, found, strict=True):
        read_contract(example.encode(), name=each["name"])


def test_what_a_contract_does_not_say_is_told() -> None:
    page = (ROOT / "docs/contracts.md").read_text()
    told = page.partition("Where nothing is said it is ")[2].partition("\n\n")[0]
    parts: list[tuple[str, type[Written]]] = [
        ("", Contract),
        ("", Route),
        ("prompt.", Prompt),
        ("response.", ResponseFormat),
        ("document.", Document),
        ("cache.", Cache),
    ]

    assert sorted(names(told)) == sorted(
        f"{place}{name}: {json.dumps(field.default).strip('"')}"
        for place, model in parts
        for name, field in model.model_fields.items()
        if isinstance(field.default, str | int)
    )


@pytest.mark.parametrize("file", sorted(ROOT.glob("docs/contracts/*.yaml")), ids=lambda f: f.name)
def test_every_example_of_a_contract_reads(file: Path) -> None:
    assert read_contract(file.read_bytes(), name=file.stem).digest()


def test_the_transcript_of_sam_local_is_of_the_job_that_the_events_tell() -> None:
    job_id = json.loads((ROOT / "events/plan.job.json").read_text())["job_id"]
    page = (ROOT / "docs/sam-local.md").read_text()

    assert set(re.findall(r"\b[0-9a-f]{32}\b", page)) == {job_id}
    assert f"`{job_id[:8]}…`" in page


def test_every_event_for_sam_local_is_in_its_table() -> None:
    told = [name for row in table("docs/sam-local.md", "event") for name in names(row[0])]

    assert sorted(told) == sorted(file.name for file in ROOT.glob("events/*"))


def test_every_alarm_and_all_that_the_sweeper_does_is_explained(written: Template) -> None:
    page = (ROOT / "docs/operations.md").read_text()
    alarms = of_type(written, "AWS::CloudWatch::Alarm")
    swept = Swept().counts()

    assert len(alarms) > 3
    assert all(f"| `{name}` |" in page for name in alarms)
    assert all(f"| `{did.value}` |" in page for did in Did)
    assert all(f"`Jobs{name.title()}`" in page for name in swept)
    assert f"({written['Parameters']['SweepMinutes']['Default']})" in page
    assert f"{MOST_RESTARTS + 1} executions failed" in page.replace("Four", "4")


def test_every_parameter_of_the_template_is_in_its_table_with_its_default(
    written: Template,
) -> None:
    told = {
        parameter: set(names(default))
        for parameters, default, _ in table("docs/operations.md", "parameter")
        for parameter in names(parameters)
    }

    assert told == {
        name: {part.rpartition("/")[2] for part in str(parameter["Default"]).split(",") if part}
        for name, parameter in written["Parameters"].items()
    }


def test_every_metric_is_in_its_table() -> None:
    source = (SOURCE / "aws/metrics.py").read_text()
    added = set(re.findall(r'(?:add|single)_metric\(\s*f?"(\w+)', source))
    ends: dict[str, list[str]] = {"Records": [*Ending], "Verdicts": [*Verdict]}
    ends["Jobs"] = [*(status for status in Status if status.final), *Swept().counts()]
    told = [name for row in table("docs/operations.md", "metric") for name in names(row[0])]

    assert ends.keys() <= added
    assert sorted(told) == sorted(
        name + end.title() for name in added for end in ends.get(name, [""])
    )


def test_every_way_to_end_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()

    assert all(f"`{ending.value}`" in readme for ending in Ending)


def test_the_page_on_durability_tells_how_often_a_worker_writes() -> None:
    page = (ROOT / "docs/durability.md").read_text()

    assert f"every {FLUSH_OUTCOMES} outcomes" in page
    assert FLUSH_SECONDS == 5
    assert "outcomes or five seconds" in page
    assert all(f"`{ending.value}`" in page for ending in Ending)


def test_the_package_and_its_metadata_have_one_version() -> None:
    from batchwright import __version__  # noqa: PLC0415

    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
