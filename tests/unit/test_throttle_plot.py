import json
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.bench.plot import ANSWERED, REFUSED, main

SVG = "{http://www.w3.org/2000/svg}"


def kept(folder: Path, client: str, calls: list[tuple[float, int]]) -> Path:
    file = folder / f"bucket.{client}.jsonl"
    file.write_text(
        "".join(json.dumps({"at": at, "status": status}) + "\n" for at, status in calls)
    )
    return file


def bars(drawn: Path, colour: str) -> list[float]:
    tree = ET.fromstring(drawn.read_text())  # noqa: S314 - we wrote it
    return [
        float(bar.attrib["height"])
        for bar in tree.iter(f"{SVG}rect")
        if bar.attrib["fill"] == colour
    ]


def test_every_second_is_a_bar_as_high_as_its_calls(tmp_path: Path) -> None:
    calls = [(0.1, 200), (0.2, 200), (0.3, 429), (0.4, 429), (2.5, 200), (2.6, 500)]
    drawn = tmp_path / "a.svg"

    main(drawn, [kept(tmp_path, "ours", calls)])

    first, last = bars(drawn, ANSWERED)
    assert first == 2 * last
    assert bars(drawn, REFUSED) == [first]


def test_every_client_is_named_with_its_counts(tmp_path: Path) -> None:
    drawn = tmp_path / "a.svg"
    files = [
        kept(tmp_path, "boto3_adaptive", [(0.1, 200), (0.1, 429), (1.1, 429)]),
        kept(tmp_path, "batchwright", []),
    ]

    main(drawn, files)

    said = [text.text for text in ET.fromstring(drawn.read_text()).iter(f"{SVG}text")]  # noqa: S314 - we wrote it
    assert {"boto3 adaptive", "batchwright", "2 throttled", "0 answered"} <= set(said)
