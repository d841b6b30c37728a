"""How an estimate is shown to people: a table on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from math import ceil
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from batchwright.cli.show import money, write_lines
from batchwright.lane import ON_DEMAND

MOST_SHOWN = 20
NOT_KNOWN = "not known"
FITS = {
    True: "all records fit in it, by the estimate",
    False: "not all records may fit in it: when it is spent, the job stops",
    None: NOT_KNOWN + " whether the records fit in it",
}
HOUR = 60.0
LIKELY = {ON_DEMAND: "at the least"}
"""How sure a lane's time is."""


class Reading:
    """A bar on stderr of how far the file is read; where nobody looks at a terminal, nothing."""

    def __init__(self) -> None:
        """Draw nothing yet."""
        console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("reading"),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self.progress.add_task("reading", total=None)
        self._read = 0

    def __enter__(self) -> Self:
        """Begin to draw."""
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no trace."""
        self.progress.stop()

    def seen(self, read: int, size: int) -> None:
        """Draw how far it is; what is unpacked, or has ids to compare, is read once more from its beginning."""
        if read < self._read:
            self.progress.reset(self._task)
        self._read = read
        self.progress.update(self._task, completed=read, total=size)


def write_estimate(facts: dict[str, Any]) -> None:
    """Print an estimate, then the first problems."""
    console = Console(highlight=False, markup=False)
    write_lines(_file(facts))
    if console.is_terminal and facts["models"]:
        console.print(_table(facts))
    else:
        write_lines(line for model in facts["models"] for line in _model(model))
    if facts["models"]:
        write_lines(_lanes(facts["lane"]))
        write_lines(_sources(facts))
    write_lines(_problems(facts["problems"]))


def _file(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "file", f"{facts['file']}, {facts['bytes']:,} bytes"
    yield "dialect", facts["dialect"] or NOT_KNOWN
    yield "contract", facts["contract"]
    if budget := facts["budget"]:
        yield "budget", f"{money(budget['usd'])}: {FITS[budget['fits']]}"
    if refused := facts["refused"]:
        line = f" (line {refused['line']})" if refused["line"] else ""
        yield "refused", f"{refused['code']}: {refused['message']}{line}"
    yield "records", f"{facts['records']:,}"
    yield "chunks", f"{facts['chunks']:,}"


def _problems(problems: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not problems["count"]:
        return
    codes = ", ".join(f"{count:,} {code}" for code, count in problems["by_code"].items())
    yield "problems", f"{problems['count']:,} records may not run: {codes}"
    for problem in problems["first"][:MOST_SHOWN]:
        yield f"line {problem['line']}", f"{problem['code']}: {problem['message']}"
    if (more := problems["count"] - MOST_SHOWN) > 0:
        yield "", f"and {more:,} more; --json tells the first {len(problems['first']):,}"


def _model(model: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "model", f"{model['model']}: {model['records']:,} records"
    yield (
        "tokens",
        f"{model['input_tokens']:,} in (estimated), 0 to {model['output_tokens']['most']:,} out",
    )
    for lane, cost in model["cost_usd"].items():
        yield "cost", f"{lane}: {_span(cost)}"
    yield "time", f"{_time(model['minutes'])} at {_limits(model['quota'])}"


def _lanes(choice: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Say which lane the file would take, and what speaks against the others."""
    chosen, decided = choice["lane"], choice["reasons"]
    yield "lane", f"{chosen}, {_offer(chosen, choice)}: {decided[0]['message']}"
    yield from (("", why["message"]) for why in decided[1:])
    for lane, facts in choice["lanes"].items():
        if lane == chosen:
            continue
        against = f": {facts['against'][0]['message']}" if facts["against"] else ""
        offer = _offer(lane, choice) if facts["possible"] else "cannot be taken"
        yield "otherwise", f"{lane}, {offer}{against}"


def _offer(lane: str, choice: dict[str, Any]) -> str:
    facts = choice["lanes"][lane]
    price = _span(facts["cost_usd"]) if facts["cost_usd"] else f"its price {NOT_KNOWN}"
    if facts["minutes"] is None:
        return f"{price}, its time {NOT_KNOWN}"
    return f"{price}, {_time(facts['minutes'])} {LIKELY.get(lane, 'likely')}"


def _table(facts: dict[str, Any]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("model", overflow="fold")
    for title in ("records", "tokens in", "out at most", *facts["lanes"], "time"):
        table.add_column(
            title, justify="right", overflow="fold"
        )  # an amount that is cut is another
    for model in facts["models"]:
        table.add_row(model["model"], f"{model['records']:,}", *_amounts(model))
    if len(facts["models"]) > 1:
        table.add_row("all", "", *_amounts(facts["total"]), style="bold")
    return table


def _amounts(part: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{part['input_tokens']:,}",
        f"{part['output_tokens']['most']:,}",
        *(_span(cost) for cost in part["cost_usd"].values()),
        _time(part["minutes"]),
    )


def _span(cost: dict[str, float] | None) -> str:
    if cost is None:
        return NOT_KNOWN
    least, most = money(cost["least"]), money(cost["most"])
    return least if least == most else f"{least} to {most}"


def _time(minutes: float | None) -> str:
    """Return a time in the largest unit that it fills.

    >>> _time(0.001), _time(0.5), _time(12), _time(90), _time(None)
    ('1 s', '30 s', '12.0 min', '1.5 h', 'not known')
    """
    if minutes is None:
        return NOT_KNOWN
    if minutes < 1:
        return f"{ceil(minutes * 60)} s"
    return f"{minutes:.1f} min" if minutes < HOUR else f"{minutes / HOUR:,.1f} h"


def _limits(quota: dict[str, Any]) -> str:
    """Say what the time was reckoned with; AWS's own defaults have the day that they were read."""
    named = {"requests": quota["rpm"], "tokens": quota["tpm"]}
    known = [f"{limit:,} {name}" for name, limit in named.items() if limit]
    return f"{' and '.join(known)} a minute" if known else "no quota that is known; see --tpm"


def _sources(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Say where the numbers are from, and what they are not."""
    for name, lane in facts["lanes"].items():
        if lane["factor"] != 1:
            part = f"{lane['factor']:.0%} of on_demand" if lane["factor"] else "a discount"
            yield "lane", f"{name}: {part}; {lane['source']}"
    quotas = facts["quotas"]
    yield (
        "quotas",
        f"by --rpm and --tpm, else AWS's defaults in {quotas['region']} as of {quotas['as_of']}; {quotas['source']}",
    )
