"""The report: a job's end on one page, for people. It tells what the receipt tells, and nothing of any record.

The receipt is sealed, and the page is not: it is made from the receipt that stands, so whoever closes a job a second
time makes the same page.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import msgspec

type Found = tuple[str, str, str]
"""Stage, filter, and what the contract says to it."""
type Asks = tuple[str, str, str | None]
"""A route's engine, whom it asks there, and the tier."""
type Line = Sequence[object]

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Job {job}: {status}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }}
h1 {{ font-size: 1.4em }} h2 {{ font-size: 1.1em; margin: 1.6em 0 .3em }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .2em 1em .2em 0; border-bottom: 1px solid #ddd }}
th {{ font-weight: 600 }} td {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>Job {job}: {status}</h1>
"""
END = "</body>\n</html>\n"
# Within a JSON text a quotation mark has a backslash before it, so no name or message looks like this.
NOTHING_FOUND = b'"findings":[]'
# It stands so near the end of a line: to look there only is a ninth of the time. Where it is missed, the line is read.
END_OF_LINE = 384


class _Finding(msgspec.Struct, gc=False):
    stage: str
    filter: str
    verdict: str


class _Findings(msgspec.Struct, gc=False):
    findings: list[_Finding] = []


_DECODER = msgspec.json.Decoder(_Findings)


def findings_in(outcomes: Iterable[bytes]) -> Counter[Found]:
    """Count what filters found in records, given by their lines of ``outcomes.jsonl``.

    >>> findings_in([b'{"findings":[{"stage":"input","filter":"pii","kind":"email","verdict":"redact"}]}'])
    Counter({('input', 'pii', 'redact'): 1})
    """
    return Counter(
        (each.stage, each.filter, each.verdict)
        for line in outcomes
        if line.find(NOTHING_FOUND, -END_OF_LINE) < 0
        for each in _DECODER.decode(line).findings
    )


def report_of(
    receipt: Mapping[str, Any],
    routes: Iterable[Asks],
    findings: Mapping[Found, int],
    places: Mapping[str, str],
) -> bytes:
    """Return a job's report; ``places`` are its files, where they lie in the bucket."""
    named = {"job": escape(receipt["job_id"]), "status": escape(receipt["status"])}
    parts = [
        HEAD.format(**named),
        _table("The job", (), _facts(receipt)),
        _table("Records", (), receipt["counts"].items()),
        _table("Tokens and money", (), _money(receipt)),
        _table("Routes", ("engine", "model", "tier"), routes),
        _table("Findings", ("stage", "filter", "verdict", "count"), _findings(findings)),
        _table("Files", (), sorted(places.items())),
        END,
    ]
    return "".join(parts).encode()


def _facts(receipt: Mapping[str, Any]) -> Iterable[Line]:
    pin, reason, redrive, tree = (receipt[name] for name in ("input", "reason", "redrive", "tree"))
    if reason:
        yield "reason", f"{reason['code']}: {reason['message']}"
    if redrive:
        yield "redrive", redrive["number"]
    if pin:
        yield "input", f"s3://{pin['bucket']}/{pin['key']}"
        yield "its version", pin["version_id"]
    yield "contract", receipt["contract"]
    yield "its digest", receipt["contract_digest"]
    yield "lane", receipt["lane"]
    yield "why", receipt["lane_reason"]
    yield "admitted", receipt["created_at"]
    yield "closed", receipt["closed_at"]
    if tree:
        yield "root of its tree", tree["root"]
        yield "leaves", tree["size"]
    yield "lines that may not run", receipt["problems"]
    yield "version of Batchwright", receipt["version"]


def _money(receipt: Mapping[str, Any]) -> Iterable[Line]:
    yield from ((name.replace("_", " "), count) for name, count in receipt["usage"].items())
    yield "calls", receipt["calls"]
    yield "calls without a whole answer", receipt["ambiguous_calls"]
    cost = receipt["cost_usd"]
    yield "cost", "a price is not known" if cost is None else _dollars(cost)
    yield "saved by prompt caches", _dollars(receipt["saved_usd"])
    yield "records that earlier answers stand for, without a call", receipt["cached"]


def _findings(findings: Mapping[Found, int]) -> Iterable[Line]:
    return ((*found, count) for found, count in sorted(findings.items()))


def _table(title: str, heads: Sequence[str], lines: Iterable[Line]) -> str:
    """Return a table, every cell escaped; nothing where it has no line. Without heads, lines begin with their own."""
    lines = [*lines]
    if not lines:
        return ""
    rows = ["".join(f"<th>{_text(head)}</th>" for head in heads)] if heads else []
    for line in lines:
        cells = [f"<td>{_text(cell)}</td>" for cell in line]
        if not heads:
            cells[0] = f"<th>{_text(line[0])}</th>"
        rows.append("".join(cells))
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
    return f"<h2>{_text(title)}</h2>\n<table>\n{body}</table>\n"


def _text(fact: object) -> str:
    if fact is None:
        return "none"
    return escape(f"{fact:,}" if isinstance(fact, int) else str(fact))


def _dollars(amount: float) -> str:
    return f"${amount:,.6f}"
