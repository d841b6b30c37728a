"""The page that every job ends with: what the receipt says, for people, and nothing of any record."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.job import Reason
from batchwright.report import findings_in, report_of
from tests import timelapse
from tests.canary import CANARY
from tests.fakes import MODEL, ScriptedEngine
from tests.laptop import Laptop, chat_file, chat_line, jsonl

CONTRACT = f"""
name: looked
routes: [{{model: "{MODEL}", max_tokens: 100, temperature: 0}}]
models: {{"*": "{MODEL}"}}
filters: {{input: [{{pii: redact}}], output: [{{pii: pass}}, {{terms: {{words: [sing], then: review}}}}]}}
cache: {{exact: 7d}}
"""
MAIL = "write to jane.doe@example.com"
WILD = "<script>alert('x')</script>&\"{brace}"


class Page(HTMLParser):
    """The cells of a page's tables, line by line, and its tags."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.lines: list[list[str]] = []
        self.tags: list[str] = []
        self.cell = False
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's
        self.tags.append(tag)
        self.cell = tag in {"td", "th"}
        if tag == "tr":
            self.lines.append([])
        elif self.cell:
            self.lines[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.cell = self.cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self.cell:
            self.lines[-1][-1] += data

    def fact(self, name: str) -> str:
        (fact,) = [line[1] for line in self.lines if line[0] == name]
        return fact


def page_of(laptop: Laptop, job_id: str, redrive: str = "") -> Page:
    return Page(laptop.objects.read(f"results/{job_id}/{redrive}report.html"))


def run(*texts: str) -> tuple[Laptop, str]:
    laptop = Laptop(chunk_records=2)
    laptop.put_contract("looked", CONTRACT)
    lines = [chat_line(f"r{number}", text) for number, text in enumerate(texts)]
    return laptop, laptop.run(jsonl(lines), "inbox/looked/file.jsonl").job_id


def test_it_tells_counts_tokens_money_routes_findings_and_where_the_files_lie() -> None:
    laptop, job_id = run(MAIL, MAIL, "sing", "hum", MAIL)
    row = laptop.row(job_id)

    page = page_of(laptop, job_id)

    assert (page.fact("total"), page.fact("succeeded"), page.fact("review")) == ("5", "4", "1")
    assert page.fact("input tokens") == str(row.tally.usage.input_tokens)
    assert page.fact("cost") == f"${row.tally.cost_usd:.6f}"
    assert page.fact("lane") == "on_demand"
    assert page.fact("closed") == row.updated_at
    assert ["bedrock", MODEL, "none"] in page.lines
    assert ["input", "pii", "redact", "3"] in page.lines
    assert ["output", "terms", "review", "1"] in page.lines
    assert row.results is not None
    assert all([name, place] in page.lines for name, place in row.results.items())
    assert row.results["report"] == f"results/{job_id}/report.html"


def test_it_tells_what_caches_have_saved() -> None:
    laptop, first = run("hum")
    again = laptop.run(jsonl([chat_line("r", "hum")]), "inbox/looked/again.jsonl").job_id
    told = "records that earlier answers stand for, without a call"

    assert page_of(laptop, first).fact(told) == "0"
    assert page_of(laptop, again).fact(told) == "1"
    assert page_of(laptop, again).fact("saved by prompt caches") == "$0.000000"


def test_its_root_is_the_receipts_and_the_receipt_names_it() -> None:
    laptop, job_id = run("hum")
    receipt = laptop.objects.read(f"results/{job_id}/receipt.json").decode()

    root = page_of(laptop, job_id).fact("root of its tree")

    assert f'"root": "{root}"' in receipt
    assert f'"report": "results/{job_id}/report.html"' in receipt


def test_no_record_and_no_script_is_on_it() -> None:
    laptop = Laptop()
    job_id = laptop.run(chat_file(3)).job_id

    content = laptop.objects.read(f"results/{job_id}/report.html").decode()

    assert CANARY in laptop.objects.read(f"results/{job_id}/output.jsonl").decode()
    assert CANARY not in content
    assert "req-" not in content
    assert not re.search(r"<script|src=|href=|url\(|@import|\bon\w+=", content)
    assert "default-src 'none'" in content


def test_a_job_that_is_refused_or_stopped_has_one_with_the_reason() -> None:
    laptop = Laptop()
    refused = laptop.run(b"{broken").job_id
    stopped = laptop.drop(chat_file(25))
    laptop.plan(stopped)
    timelapse.run(laptop.invoke(laptop.chunks(stopped)[0]))
    laptop.jobs.stop(stopped, Reason(code="cancelled", message="by hand"))
    laptop.close(stopped)

    assert page_of(laptop, refused).fact("reason")
    page = page_of(laptop, stopped)
    assert page.fact("reason") == "cancelled: by hand"
    assert page.fact("cancelled") == "15"


def test_findings_are_counted_over_all_runs_of_closing() -> None:
    laptop = Laptop(chunk_records=2)
    laptop.put_contract("looked", CONTRACT)
    lines = [chat_line(f"r{number}", MAIL) for number in range(7)]
    job_id = laptop.drop(jsonl(lines), "inbox/looked/file.jsonl")
    laptop.plan(job_id)
    for chunk in laptop.chunks(job_id):
        timelapse.run(laptop.invoke(chunk))

    runs = 1
    while laptop.close(job_id, time_left=iter_of(900.0))["state"] == "more":
        runs += 1

    assert runs > 1
    assert ["input", "pii", "redact", "7"] in page_of(laptop, job_id).lines


def iter_of(first: float) -> Any:
    """Return a clock of a run that has time for one chunk."""
    times = iter([first])
    return lambda: next(times, 0.0)


def test_a_redrive_has_its_own() -> None:
    laptop = Laptop(engine=ScriptedEngine())
    job_id = laptop.run(chat_file(2) + b"{broken\n").job_id
    before = laptop.objects.read(f"results/{job_id}/report.html")

    laptop.run_again(job_id, "failed")

    assert page_of(laptop, job_id, "redrives/01/").fact("redrive") == "1"
    assert laptop.objects.read(f"results/{job_id}/report.html") == before


def receipt(wild: str) -> dict[str, Any]:
    return {
        "job_id": wild,
        "status": wild,
        "reason": {"code": wild, "message": wild},
        "redrive": None,
        "input": {"bucket": wild, "key": wild, "version_id": wild},
        "contract": wild,
        "contract_digest": wild,
        "lane": wild,
        "lane_reason": wild,
        "created_at": wild,
        "closed_at": wild,
        "counts": {wild: 1},
        "usage": {wild: 1},
        "calls": 0,
        "ambiguous_calls": 0,
        "cached": 0,
        "cost_usd": None,
        "saved_usd": 0.0,
        "problems": 0,
        "tree": {"root": wild, "size": 1},
        "version": wild,
    }


@given(st.one_of(st.just(WILD), st.text(alphabet="<>&\"'{}/=!-x \n")))
def test_whatever_anything_is_called_it_is_text(wild: str) -> None:
    plain, written = (
        Page(report_of(receipt(name), [("e", name, None)], {(name, name, name): 1}, {name: name}))
        for name in ("plain", wild)
    )

    assert written.tags == plain.tags
    assert ["e", wild, "none"] in written.lines


@pytest.mark.parametrize("record_id", ['"findings":[]', "findings"])
def test_a_record_that_is_called_like_no_findings_has_its_counted(record_id: str) -> None:
    laptop = Laptop()
    laptop.put_contract("looked", CONTRACT)
    row = laptop.run(jsonl([chat_line(record_id, MAIL)]), "inbox/looked/file.jsonl")

    outcomes = laptop.objects.lines(f"results/{row.job_id}/outcomes.jsonl")

    assert findings_in(outcomes)["input", "pii", "redact"] == 1
