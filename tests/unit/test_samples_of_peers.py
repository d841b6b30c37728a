from pathlib import Path

import pytest

from batchwright.dialects.anthropic import Anthropic
from batchwright.dialects.gemini import Gemini, Vertex
from batchwright.lines import lines
from batchwright.unfolding.requests import is_requests_body, requests

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("mails.anthropic.jsonl", Anthropic()),
        ("questions.gemini.jsonl", Gemini()),
        ("questions.vertex.jsonl", Vertex()),
    ],
)
def test_every_line_of_a_sample_is_asked(name: str, dialect: Anthropic | Gemini | Vertex) -> None:
    records = [dialect.read(line) for line in lines([(SAMPLES / name).read_bytes()])]

    assert len(records) == 8
    assert all(dialect.request(record).max_tokens for record in records)


def test_every_request_of_a_whole_body_is_asked() -> None:
    content = (SAMPLES / "mails.anthropic.requests.json").read_bytes()

    assert is_requests_body(content)
    records = [Anthropic().read(line) for line in lines(requests([content]))]
    assert [record.record_id for record in records] == [f"mail-0{n}" for n in range(1, 7)]
