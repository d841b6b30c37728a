"""Draw what `tests/bench/throttle.py` kept: calls and throttles over time, a row for each client.

python -m tests.bench.plot docs/throttle.svg .local/bench/bucket.*.jsonl
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.bench.score import OK, THROTTLED

WIDTH, ROW, LEFT, TOP, GAP = 720, 96, 150, 40, 26
ANSWERED, REFUSED, INK = "#2f6f4f", "#c8553d", "#333333"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A client's calls, counted by the second."""

    name: str
    answered: Counter[int]
    refused: Counter[int]

    @property
    def seconds(self) -> int:
        """How long it took."""
        return max((*self.answered, *self.refused), default=0) + 1

    @property
    def most(self) -> int:
        """The most calls in a second."""
        return max((self.answered + self.refused).values(), default=1)


def row_of(file: Path) -> Row:
    """Read what was kept of one client; its name is the last part of the file's."""
    calls = [json.loads(line) for line in file.read_text().splitlines()]
    by_status = {
        wanted: Counter(int(call["at"]) for call in calls if call["status"] == wanted)
        for wanted in (OK, THROTTLED)
    }
    name = file.stem.rpartition(".")[2].replace("_", " ")
    return Row(name=name, answered=by_status[OK], refused=by_status[THROTTLED])


def drawing(title: str, rows: Sequence[Row]) -> str:
    """Return an SVG: for each second a bar, of the answered calls below and the throttled ones on top."""
    seconds = max(row.seconds for row in rows)
    height = TOP + len(rows) * (ROW + GAP) + 20
    style = f'font-family="sans-serif" font-size="12" fill="{INK}"'
    box = f"0 0 {LEFT + WIDTH + 60} {height}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" {style}>',
        f'<rect width="100%" height="100%" fill="#ffffff"/><text x="8" y="20">{escape(title)}</text>',
    ]
    for number, row in enumerate(rows):
        parts += _row(row, top=TOP + number * (ROW + GAP), seconds=seconds)
    parts.append(_axis(height - 24, seconds))
    return "\n".join([*parts, "</svg>", ""])


def _row(row: Row, *, top: int, seconds: int) -> list[str]:
    base, step, scale = top + ROW, WIDTH / seconds, ROW / row.most
    bars = []
    for second in range(row.seconds):
        x, floor = LEFT + second * step, float(base)
        for count, colour in ((row.answered[second], ANSWERED), (row.refused[second], REFUSED)):
            if count:
                floor -= count * scale
                bars.append(
                    f'<rect x="{x:.1f}" y="{floor:.1f}" width="{max(step - 0.5, 0.5):.1f}"'
                    f' height="{count * scale:.1f}" fill="{colour}"/>'
                )
    answered, refused = row.answered.total(), row.refused.total()
    return [
        f'<text x="8" y="{top + 14}" font-weight="bold">{escape(row.name)}</text>',
        f'<text x="8" y="{top + 32}" fill="{ANSWERED}">{answered} answered</text>',
        f'<text x="8" y="{top + 48}" fill="{REFUSED}">{refused} throttled</text>',
        f'<text x="{LEFT + WIDTH + 6}" y="{top + 10}">{row.most}/s</text>',
        *bars,
        f'<path d="M{LEFT} {base}H{LEFT + WIDTH}" stroke="{INK}" stroke-width="0.5"/>',
    ]


def _axis(y: int, seconds: int) -> str:
    marks = range(0, seconds + 1, 10 if seconds <= 120 else 60)
    return "".join(
        f'<text x="{LEFT + mark * WIDTH / seconds:.0f}" y="{y + 14}" text-anchor="middle">{mark} s</text>'
        for mark in marks
    )


def main(drawn: Path, files: Sequence[Path]) -> None:
    """Draw these files of one scenario into one picture."""
    title = f"{files[0].stem.partition('.')[0]}: calls a second, answered and throttled"
    drawn.write_text(drawing(title, [row_of(file) for file in files]))


if __name__ == "__main__":
    out, *kept = map(Path, sys.argv[1:])
    main(out, kept)
