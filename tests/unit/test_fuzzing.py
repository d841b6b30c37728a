"""Whatever is done to the bytes of a file, planning it ends in a plan or a refusal, never in an exception that nobody
foresaw; and whatever the plan lets pass can be asked.
"""

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchwright.chunk import Chunk
from batchwright.job import Job
from batchwright.places import job_key, plan_key
from batchwright.reader import ChunkReader
from batchwright.routing import routes_for
from tests.fakes import MODEL
from tests.laptop import Laptop
from tests.samples import DOCS, SAMPLES

EDGES = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\xe2\x80\xa8", b"\r\n", b"\n", b'"',
    b"{", b"}", b"[", b"]", b",", b"\t", b"NaN", b"1e999", b"-", b"null", b"9" * 400, b"[" * 600, b'{"a":' * 600,
    b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1",
)  # fmt: skip

MODELS = (
    MODEL,
    "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "amazon.titan-embed-text-v2:0",
    "amazon.titan-text-express-v1",
    "cohere.embed-english-v3",
    "cohere.command-r-v1:0",
    "meta.llama3-1-8b-instruct-v1:0",
    "mistral.mistral-7b-instruct-v0:2",
)

type Change = Callable[[bytes, random.Random], bytes]


def cut_off(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def with_an_edge(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + chance.choice(EDGES) + content[place:]


def without_some(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + content[place + chance.randrange(40) :]


def with_a_bit_turned(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    if changed:
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def with_a_value_of_another_kind(content: bytes, chance: random.Random) -> bytes:
    """Put something else where a JSON value begins."""
    places = [place + 1 for place, byte in enumerate(content) if byte == ord(":")]
    if not places:
        return content
    place = chance.choice(places)
    rest = content[place:]
    end = min((rest.find(sign) for sign in (b",", b"}") if sign in rest), default=len(rest))
    other = chance.choice([b"null", b"true", b"0", b'""', b"[]", b"{}", b'"x"', b"-1.5", b"[[]]"])
    return content[:place] + other + rest[end:]


CHANGES: list[Change] = [
    cut_off, with_an_edge, without_some, with_a_bit_turned, with_a_value_of_another_kind,
]  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), changes=st.lists(st.sampled_from(CHANGES), max_size=3))
def test_whatever_befalls_a_file_is_foreseen(name: str, seed: int, changes: list[Change]) -> None:
    chance = random.Random(seed)
    content = (DOCS / "samples" / name).read_bytes()
    for change in changes:
        content = change(content, chance)

    laptop, job_id = planned(name, content)

    codes = {problem["code"] for problem in laptop.problems(job_id)}
    assert "unforeseen" not in codes
    if plan_key(job_id) in laptop.objects.versions:
        for line in laptop.objects.lines(plan_key(job_id)):
            read(laptop, Chunk.model_validate_json(line))


def planned(name: str, content: bytes) -> tuple[Laptop, str]:
    laptop = Laptop(chunk_records=3, models=MODELS)
    contract = SAMPLES[name].contract
    if contract != "default":
        laptop.put_contract(contract, (DOCS / f"contracts/{contract}.yaml").read_text())
    folder = "" if contract == "default" else f"{contract}/"
    job_id = laptop.drop(content, f"inbox/{folder}{name}")
    laptop.plan(job_id)
    return laptop, job_id


def read(laptop: Laptop, chunk: Chunk) -> None:
    """Read a chunk as a worker does, and make every request."""
    job = Job.model_validate_json(laptop.objects.read(job_key(chunk.job_id)))
    reader = ChunkReader(laptop.objects, job, chunk)
    items = list(reader.items())
    assert [item.index for item in items] == list(chunk.indexes)
    for item in items:
        assert item.problem is not None or item.record is not None
        if item.problem is None and item.record is not None:
            request = reader.dialect.request(item.record)
            for route in routes_for(reader.contract, item.record, job.models):
                reader.contract.prepared(route, item.record, request)
