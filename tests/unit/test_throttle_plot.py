import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.bench.plot import ANSWERED, LEFT, PERMITTED, REFUSED, ROW, TOP, WIDTH, main

SVG = "{http://www.w3.org/2000/svg}"


def kept(folder: Path, client: str, calls: list[tuple[float, int]]) -> Path:
    file = folder / f"bucket.{client}.jsonl"
    file.write_text(
        "".join(json.dumps({"at": at, "status": status}) + "\n" for at, status in calls)
    )
    return file


def bars(drawn: Path, colour: str) -> list[float]:
    """Return how high the bars of a colour are."""
    tree = ET.fromstring(drawn.read_text())  # noqa: S314 - we wrote it
    paths = "".join(
        path.attrib["d"] for path in tree.iter(f"{SVG}path") if path.attrib["stroke"] == colour
    )
    return [
        round(float(floor) - float(ceiling), 1)
        for floor, ceiling in re.findall(r"M\S+ (\S+?)V([^M]+)", paths)
    ]


def test_every_second_is_a_bar_as_high_as_its_calls(tmp_path: Path) -> None:
    """The limit, 50 a second, is a third of a row."""
    calls = [*[(0.1, 200)] * 50, *[(0.2, 429)] * 50, *[(2.5, 200)] * 25, (2.6, 500)]
    drawn = tmp_path / "a.svg"

    main(drawn, [kept(tmp_path, "ours", calls)])

    assert bars(drawn, ANSWERED) == [ROW / 3, ROW / 6]
    assert bars(drawn, REFUSED) == [ROW / 3]


def test_a_bar_that_is_far_higher_than_the_limit_is_cut_and_its_height_told(tmp_path: Path) -> None:
    drawn = tmp_path / "a.svg"

    main(drawn, [kept(tmp_path, "ours", [(0.1, 200)] * 50 + [(0.1, 429)] * 450)])

    assert bars(drawn, ANSWERED) + bars(drawn, REFUSED) == [ROW / 3, 2 * ROW / 3]
    assert ">500/s<" in drawn.read_text()


def test_every_client_is_named_with_its_counts(tmp_path: Path) -> None:
    drawn = tmp_path / "a.svg"
    files = [
        kept(tmp_path, "boto3_adaptive", [(0.1, 200), (0.1, 429), (1.1, 429)]),
        kept(tmp_path, "batchwright", []),
    ]

    main(drawn, files)

    said = [text.text for text in ET.fromstring(drawn.read_text()).iter(f"{SVG}text")]  # noqa: S314 - we wrote it
    assert {"boto3 adaptive", "batchwright", "2 throttled", "0 answered"} <= set(said)


def test_the_permits_of_a_client_that_takes_some_are_a_line(tmp_path: Path) -> None:
    drawn = tmp_path / "a.svg"
    ours, theirs = kept(tmp_path, "ours", [(0.1, 200)] * 50), kept(tmp_path, "theirs", [(0.1, 200)])
    with ours.open("a") as file:
        file.write('{"at": 0.1, "permits": 20}\n{"at": 0.9, "permits": 30}\n')

    main(drawn, [ours, theirs])

    tree = ET.fromstring(drawn.read_text())  # noqa: S314 - we wrote it
    (line,) = [path for path in tree.iter(f"{SVG}path") if path.attrib["stroke"] == PERMITTED]
    base, limit = TOP + ROW, ROW / 3
    assert line.attrib["d"] == f"M{LEFT:.1f} {base - limit:.1f}H{LEFT + WIDTH:.1f}"
    assert ">50 permits<" in drawn.read_text()


def test_the_same_records_make_the_same_picture(tmp_path: Path) -> None:
    file = kept(tmp_path, "ours", [(0.1, 200), (1.1, 429), (1.2, 200)])

    for name in ("a.svg", "b.svg"):
        main(tmp_path / name, [file])

    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
