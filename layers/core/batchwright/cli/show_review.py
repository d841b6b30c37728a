"""What ``batchwright review`` prints. Answers are hostile: nothing of them reaches the terminal but visible letters."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchwright.cli.show import WIDE
from batchwright.marked import Piece, shown, visible
from batchwright.outcome import Outcome
from batchwright.reviewing import Decided

FOUND, UNSEEN = "bold black on yellow", "reverse red"


def write_queue(held: Sequence[dict[str, Any]]) -> None:
    """Print the records that were held as a table."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("record", "line", "status", "stage", "held for", "decision"):
        table.add_column(title, no_wrap=title in ("line", "status", "stage"), overflow="fold")
    for facts in held:
        decision = facts["decision"]
        table.add_row(
            visible(facts["record_id"] or ""),
            str(facts["line"]),
            facts["status"],
            facts["stage"] or "",
            _held_for(facts),
            f"{decision['decision']} by {visible(decision['by'])}" if decision else "",
        )
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDE
    console.print(table if held else "nothing waits")


def write_held(facts: dict[str, Any], held: dict[str, Any]) -> None:
    """Print one record: facts, then every text with what was found in it."""
    console = Console(highlight=False)
    told = {
        "record": f"{visible(facts['record_id'] or '')} (line {facts['line']})",
        "status": f"{facts['status']}, at the {held['stage']}: {_held_for(facts)}",
        "held": facts["held"],
    }
    if decision := facts["decision"]:
        who = visible(decision["by"])
        told["decision"] = f"{decision['decision']} by {who} at {decision['at']}: {decision['why']}"
    for name, fact in told.items():
        console.print(Text(f"{name:<10} ", style="dim"), Text(fact), sep="", soft_wrap=True)
    for name, texts in shown(held).items():
        for number, pieces in enumerate(texts, 1):
            title = name if len(texts) == 1 else f"{name} {number} of {len(texts)}"
            console.print(Text(f"\n{title}", style="bold"))
            console.print(_painted(pieces), soft_wrap=True)
    if not held["answered"]:
        console.print(Text("\nnothing was answered: it was held before it was asked", style="dim"))


def write_decided(decided: Iterable[Decided]) -> None:
    """Print what stands, a line each."""
    console = Console(highlight=False)
    lines = 0
    for each in decided:
        whose = visible(each.decision.record_id or "")
        before = "" if each.new else "stands already: "
        console.print(Text(f"{whose}: {before}{each.decision}"), soft_wrap=True)
        lines += 1
    if not lines:
        console.print(Text("nothing waits"))


def write_left(outcomes: Iterable[Outcome]) -> None:
    """Say on stderr which records ``release --all`` leaves as they are, a line each."""
    console = Console(stderr=True, highlight=False)
    for each in outcomes:
        reason = "it was held before it was asked, and has no answer to release"
        console.print(Text(f"{visible(each.record_id or '')}: left: {reason}"), soft_wrap=True)


def _held_for(facts: dict[str, Any]) -> str:
    return f"{', '.join(facts['filters'])} ({', '.join(facts['kinds'])})"


def _painted(pieces: Iterable[Piece]) -> Text:
    painted = Text()
    for piece in pieces:
        if piece.unseen:
            painted.append(f"<{piece.text}>", style=UNSEEN)
        else:
            painted.append(piece.text.replace("\r\n", "\n"), style=FOUND if piece.kinds else None)
    return painted
