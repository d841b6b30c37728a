"""Draw what `tests/bench/throttle.py` kept: permits, calls and throttles over time, a row for each client.

python -m tests.bench.plot docs/throttle.svg .local/bench/bucket.*.jsonl

The same records make the same picture, byte for byte.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.bench.score import MINUTE, OK, THROTTLED, Limit
from tests.bench.throttle import SCENARIOS

WIDTH, ROW, LEFT, TOP, GAP = 720, 84, 130, 44, 20
ANSWERED, REFUSED, PERMITTED, INK = "#2f6f4f", "#c8553d", "#3b5bdb", "#333333"
# Bars higher than so many times the limit are cut: the number at the end of a row says how high its highest is.
HIGHEST = 3.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """A client's calls, counted by the second."""

    name: str
    answered: Counter[int]
    refused: Counter[int]
    permits: Counter[int]
    """Nothing where its calls wait for none, or it was not done in time to tell."""

    @property
    def seconds(self) -> int:
        """How long it took."""
        return max((*self.answered, *self.refused), default=0) + 1

    @property
    def most(self) -> int:
        """The most calls in a second."""
        return max((self.answered + self.refused).values(), default=1)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What all rows are drawn to."""

    limit: Limit
    seconds: int

    @property
    def step(self) -> float:
        """How wide a second is."""
        return WIDTH / self.seconds

    def height(self, calls: float) -> float:
        """Return how high so many calls a second are."""
        return min(1.0, calls / (HIGHEST * self.limit.per_minute / MINUTE)) * ROW

    def allowed(self, second: int) -> float:
        """Return how many calls the limit has for a second."""
        return self.limit.allowed(second, second + 1) if second else self.limit.per_minute / MINUTE


def row_of(file: Path) -> Row:
    """Read what was kept of one client; its name is the last part of the file's."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    calls = [line for line in lines if "status" in line]
    permits: Counter[int] = Counter()
    for line in lines:
        permits[int(line["at"])] += line.get("permits", 0)
    by_status = {
        wanted: Counter(int(call["at"]) for call in calls if call["status"] == wanted)
        for wanted in (OK, THROTTLED)
    }
    name = file.stem.rpartition(".")[2].replace("_", " ")
    return Row(name=name, answered=by_status[OK], refused=by_status[THROTTLED], permits=+permits)


def drawing(title: str, limit: Limit, rows: Sequence[Row]) -> str:
    """Return an SVG: for each second a bar, of the answered calls below and the throttled ones on top."""
    frame = Frame(limit=limit, seconds=max(row.seconds for row in rows))
    height = TOP + len(rows) * (ROW + GAP) + 20
    style = f'font-family="sans-serif" font-size="12" fill="{INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 60} {height}" {style}>',
        f'<rect width="100%" height="100%" fill="#ffffff"/><text x="8" y="20">{escape(title)}</text>',
    ]
    for number, row in enumerate(rows):
        parts += _row(row, frame, TOP + number * (ROW + GAP))
    return "\n".join([*parts, _axis(height - 24, frame), "</svg>", ""])


def _row(row: Row, frame: Frame, top: int) -> Iterator[str]:
    base = top + ROW
    yield f'<text x="8" y="{top + 14}" font-weight="bold">{escape(row.name)}</text>'
    yield f'<text x="8" y="{top + 32}" fill="{ANSWERED}">{row.answered.total()} answered</text>'
    yield f'<text x="8" y="{top + 48}" fill="{REFUSED}">{row.refused.total()} throttled</text>'
    yield f'<text x="{LEFT + WIDTH + 6}" y="{top + 10}">{row.most}/s</text>'
    yield _bars(frame, base, Counter(), row.answered, ANSWERED)
    yield _bars(frame, base, row.answered, row.refused, REFUSED)
    if row.permits:
        yield f'<text x="8" y="{top + 64}" fill="{PERMITTED}">{row.permits.total()} permits</text>'
        yield _steps(frame, base, row.permits)
    line = "".join(
        f"{'L' if second else 'M'}{LEFT + second * frame.step:.1f} {base - frame.height(frame.allowed(second)):.1f}"
        for second in range(frame.seconds)
    )
    yield f'<path d="{line}H{LEFT + WIDTH}" fill="none" stroke="{INK}" stroke-dasharray="3 3"/>'
    yield f'<path d="M{LEFT} {base}H{LEFT + WIDTH}" stroke="{INK}" stroke-width="0.5"/>'


def _bars(frame: Frame, base: int, below: Counter[int], counts: Counter[int], colour: str) -> str:
    path = "".join(
        f"M{LEFT + (second + 0.5) * frame.step:.1f} {base - floor:.1f}V{base - ceiling:.1f}"
        for second in sorted(counts)
        if (floor := frame.height(below[second]))
        < (ceiling := frame.height(below[second] + counts[second]))
    )
    width = max(frame.step - 0.5, 0.5)
    return f'<path d="{path}" stroke="{colour}" stroke-width="{width:.1f}"/>'


def _steps(frame: Frame, base: int, counts: Counter[int]) -> str:
    """Draw a line over the bars, as high as the counts."""
    path = "".join(
        f"{'L' if second else 'M'}{LEFT + second * frame.step:.1f} {base - frame.height(counts[second]):.1f}"
        f"H{LEFT + (second + 1) * frame.step:.1f}"
        for second in range(max(counts) + 1)
    )
    return f'<path d="{path}" fill="none" stroke="{PERMITTED}" stroke-width="1.5"/>'


def _axis(y: int, frame: Frame) -> str:
    marks = range(0, frame.seconds + 1, 10 if frame.seconds <= 120 else 60)
    return "".join(
        f'<text x="{LEFT + mark * frame.step:.0f}" y="{y + 14}" text-anchor="middle">{mark} s</text>'
        for mark in marks
    )


def main(drawn: Path, files: Sequence[Path]) -> None:
    """Draw these files of one scenario into one picture."""
    name = files[0].stem.partition(".")[0]
    scenario = next(each for each in SCENARIOS if each.name == name)
    title = (
        f"{scenario.workers} processes with {scenario.in_flight} calls in flight, limit {name}:"
        " calls a second, answered and throttled, and permits; the dashed line is the limit"
    )
    drawn.write_text(drawing(title, scenario.limit, [row_of(file) for file in files]))


if __name__ == "__main__":
    out, *kept = map(Path, sys.argv[1:])
    main(out, kept)
