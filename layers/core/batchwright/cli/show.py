"""What the command prints: calm tables for people, of visible letters alone, and one JSON object for programs."""

import json
import sys
from collections.abc import Iterable
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchwright.cli.faults import Code
from batchwright.job import JobRow, Status
from batchwright.marked import visible
from batchwright.outcome import Ending

RESULTS = ("output", "errors", "outcomes", "receipt", "report", "problems")
# Where nobody looks at a terminal, the width of one is no reason to cut a table.
WIDE = 160
CENT = 0.01


def write_json(facts: dict[str, Any]) -> None:
    """Print one JSON object, and nothing else."""
    try:
        text = orjson.dumps(facts, option=orjson.OPT_INDENT_2)
    except orjson.JSONEncodeError:  # the name of a file here need not be UTF-8
        text = json.dumps(facts, indent=2, ensure_ascii=False).encode(errors="replace")
    sys.stdout.write(f"{text.decode()}\n")


def write_text(text: bytes) -> None:
    """Print a file as it is, with a line end; what is no text is shown as such."""
    shown = text.decode(errors="replace")
    sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")


def write_lines(lines: Iterable[tuple[str, str]]) -> None:
    """Print facts, each on its line behind its name; long addresses stay whole."""
    console = Console(highlight=False)
    for name, fact in lines:
        told = Text(visible(fact))
        console.print(Text(f"{name:<10} ", style="dim"), told, sep="", soft_wrap=True)


def facts_of(row: JobRow, bucket: str) -> dict[str, Any]:
    """Return a job as ``--json`` tells it."""
    places = row.results or {}
    return {
        "job_id": row.job_id,
        "status": row.status.value,
        "contract": row.contract,
        "input": row.input,
        "counts": row.counts(),
        "usage": row.tally.usage.to_json(),
        "cost_usd": row.tally.cost_usd,
        "calls": row.tally.calls,
        "cached": row.tally.cached,
        "saved_usd": row.tally.saved_usd,
        "problems": row.problems,
        "reason": row.reason.model_dump() if row.reason else None,
        "incomplete_reason": row.incomplete_reason,
        "lane": row.lane,
        "lane_reason": row.lane_reason,
        "redrive": row.redrive.model_dump(mode="json") if row.redrive else None,
        "results": {
            name: f"s3://{bucket}/{places[name]}" if name in places else None for name in RESULTS
        },
    }


def lines_of(facts: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield a job's facts as people read them."""
    yield "job", facts["job_id"]
    cause = facts["incomplete_reason"]
    yield "status", f"{facts['status']} ({cause})" if cause else facts["status"]
    if reason := facts["reason"]:
        line = f" (line {reason['line']})" if reason["line"] else ""
        yield "reason", f"{reason['code']}: {reason['message']}{line}"
    if redrive := facts["redrive"]:
        only = f", also of what was {', '.join(redrive['only'])}" if redrive["only"] else ""
        yield "redrive", f"{redrive['number']}{only}"
    yield "contract", facts["contract"]
    if facts["lane"]:
        yield "lane", f"{facts['lane']}: {facts['lane_reason']}"
    yield "input", facts["input"] or "none that can be read"
    yield "records", counted(facts["counts"])
    if facts["problems"]:
        yield "problems", f"{facts['problems']:,} lines that may not run"
    usage = facts["usage"]
    yield "tokens", f"{usage['input_tokens']:,} in, {usage['output_tokens']:,} out"
    yield "cost", money(facts["cost_usd"])
    if facts["saved_usd"] > 0:
        read = usage["cache_read_tokens"]
        yield "saved", f"{money(facts['saved_usd'])}, by {read:,} tokens from prompt caches"
    yield "calls", f"{facts['calls']:,}"
    if facts["cached"]:
        yield "cached", f"{facts['cached']:,} records, without a call"
    for name, place in facts["results"].items():
        if place:
            yield name, place


def write_jobs(jobs: Iterable[dict[str, Any]]) -> None:
    """Print the newest jobs as a table."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("job", "status", "contract", "records", "cost", "input"):
        table.add_column(title, no_wrap=title in ("job", "status", "cost"), overflow="fold")
    for facts in jobs:
        table.add_row(
            facts["job_id"],
            facts["status"],
            facts["contract"],
            counted(facts["counts"]),
            money(facts["cost_usd"]),
            visible((facts["input"] or "").rpartition("/")[2]),
        )
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDE
    console.print(table if table.row_count else "there are no jobs yet")


def counted(counts: dict[str, int]) -> str:
    """Return the counts that are not zero.

    >>> counted({"total": 3, "succeeded": 2, "failed": 1, "pending": 0})
    '3: 2 succeeded, 1 failed'
    """
    rest = [f"{count:,} {name}" for name, count in counts.items() if count and name != "total"]
    return f"{counts['total']:,}" + (f": {', '.join(rest)}" if rest else "")


def money(usd: float | None) -> str:
    """Return an amount with the digits that say something.

    >>> money(12.3), money(0.000123), money(0.0), money(None)
    ('$12.30', '$0.000123', '$0.00', 'price not known')
    """
    if usd is None:
        return "price not known"
    return f"${usd:,.2f}" if usd >= CENT or usd == 0 else f"${usd:.6f}"


def code_of(row: JobRow) -> Code:
    """Return the exit code that tells how a job stands."""
    if row.status is Status.FAILED:
        return Code.REFUSED
    if not row.status.final:
        return Code.DONE
    all_succeeded = row.tally.counts[Ending.SUCCEEDED] == row.total
    return Code.DONE if all_succeeded and row.status is Status.COMPLETED else Code.OTHERWISE


def write_facts(facts: dict[str, Any]) -> None:
    """Print facts as people read them; what is nested stays on its line as JSON."""
    console = Console(highlight=False)
    width = max(map(len, facts))
    for name, fact in facts.items():
        if fact in (None, [], {}):
            continue
        told = fact if isinstance(fact, str) else orjson.dumps(fact).decode()
        line = Text(visible(told))
        console.print(Text(f"{name:<{width}} ", style="dim"), line, sep="", soft_wrap=True)


UNSIGNED = (
    "of the ledger's {entries} entries, the last {unsigned} came after the newest checkpoint: no signature covers them"
    " yet, and whoever may write to the ledger's table could change them; the next job that ends signs them"
)


def write_verified(found: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    """Print what verifying found: every difference on its line, then how it is."""
    if as_json:
        write_json(
            {
                name: {what: fact for what, fact in each.items() if what != "told"}
                for name, each in found.items()
            }
        )
        return
    console = Console(highlight=False)
    for each in found.values():
        for line in each["told"]:
            console.print(Text(line), soft_wrap=True)
    for name, each in found.items():
        facts = ", ".join(
            f"{what} {fact}" for what, fact in each.items() if what not in {"told", "differences"}
        )
        console.print(Text(visible(f"{name}: {facts}")), soft_wrap=True)
        if each.get("unsigned"):
            console.print(Text(UNSIGNED.format(**each)), soft_wrap=True)
