"""What holds after every fault: the invariants I1 to I6, as far as there is something to hold.

I7 is held here for rows, events, receipts and problems; logs are looked at where there are real processes.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import orjson

from batchwright.checkpoint import read_checkpoint
from batchwright.cli.signatures import verifies
from batchwright.job import JobRow
from batchwright.leaf import canonical
from batchwright.merkle import Tree, includes, leaf_hash
from batchwright.outcome import Ending
from batchwright.places import problems_key, result_key
from batchwright.segment import Header, read_segment
from tests.chaos.crashing import Ledger
from tests.laptop import Laptop

SEGMENT = re.compile(r"chunks/(\d{6})/(\d{6})\.jsonl$")
# Every prompt begins with it; it must be nowhere but in the input, the logs and the results.
CANARY = "canary"


@dataclass(frozen=True)
class Logged:
    """One segment as it stands."""

    key: str
    header: Header
    outcomes: list[dict[str, Any]] = field(hash=False)


def check_invariants(laptop: Laptop, job_id: str, ledger: Ledger) -> None:
    """Hold one job to the laws; what is about its end only where it has ended."""
    segments = list(segments_of(laptop, job_id))
    check_settled_once(segments)
    check_not_asked_again(segments, ledger, job_id)
    check_calls(segments, ledger, job_id)
    row = laptop.row(job_id)
    if row.status.final:
        check_counts(row, segments)
        check_files(laptop, row, segments)
        check_seal(laptop, row)
        check_events(laptop, row)
    check_quiet(laptop, row)


def segments_of(laptop: Laptop, job_id: str) -> Iterator[Logged]:
    """Read all logs of a job; each is numbered without a gap, and no segment was ever written twice."""
    found = Counter[int]()
    for key in laptop.objects.keys(f"jobs/{job_id}/"):
        if match := SEGMENT.search(key):
            chunk, number = map(int, match.groups())
            assert number == found[chunk], f"a segment before {key} is missing"
            found[chunk] += 1
            assert len(laptop.objects.versions[key]) == 1, f"{key} was written again"
            content = laptop.objects.read(key)
            header, entries = read_segment(content, place=(job_id, chunk, number))
            yield Logged(key, header, [orjson.loads(entry.facts) for entry in entries])


def check_seal(laptop: Laptop, row: JobRow) -> None:
    """I4: every outcome is one leaf of the job's tree, whose root is in the ledger, once, under a signed checkpoint."""
    job_id, redrive = row.job_id, row.redrives
    content = laptop.objects.read(result_key(job_id, "receipt.json", redrive))
    receipt = orjson.loads(content)
    report = laptop.objects.read(result_key(job_id, "report.html", redrive)).decode()
    assert f"<td>{receipt['closed_at']}</td>" in report, "the report tells another end"
    seal = orjson.loads(laptop.objects.read(result_key(job_id, "seal.json", redrive)))
    entries = [orjson.loads(each.content) for each in laptop.ledger.entries()]
    ended = [each for each in entries if (each["job"], each["kind"]) == (job_id, "close")]
    begun = [each for each in entries if (each["job"], each["kind"]) == (job_id, "redrive")]
    assert [each["redrive"] for each in ended] == [*range(redrive + 1)], "one entry an end"
    assert [each["redrive"] for each in begun] == [*range(1, redrive + 1)], "one entry a redrive"
    assert ended[-1] == seal["entry"]
    assert ended[-1]["receipt"] == hashlib.sha256(content).hexdigest()
    checkpoint = read_checkpoint(seal["checkpoint"], laptop.signer.public_key(), verifies)
    leaf = leaf_hash(canonical(seal["entry"]))
    proof = [bytes.fromhex(each) for each in seal["proof"]]
    assert includes(leaf, seal["number"], checkpoint.size, proof, checkpoint.root)
    if tree := receipt["tree"]:
        assert ended[-1]["root"] == tree["root"]
        leaves = [each["leaf"] for each in laptop.results(job_id, "outcomes.jsonl", redrive)]
        grown = Tree()
        grown.append(bytes.fromhex("".join(leaves)))
        assert (grown.size, grown.root().hex()) == (tree["size"], tree["root"])
        assert tree["size"] == row.total


def check_settled_once(segments: list[Logged]) -> None:
    """I1 and I2: no record has two outcomes."""
    settled = Counter(each["index"] for segment in segments for each in segment.outcomes)
    assert all(times == 1 for times in settled.values()), "settled twice"


def check_not_asked_again(segments: list[Logged], ledger: Ledger, job_id: str) -> None:
    """I2: a worker that begins when a record is settled does not ask for it."""
    settled = {
        each["record_id"]: ledger.appeared[segment.key]
        for segment in segments
        for each in segment.outcomes
    }
    for ask in ledger.asks:
        if ask.job_id == job_id:
            at = settled.get(record_id_of(ask.text), ask.turn)
            assert ledger.begun[ask.worker] <= at, "asked again though it was settled"


def record_id_of(text: str) -> str:
    """The id of the record with this prompt: the two have the same number."""
    return f"req-{text.split()[1]}"


def check_calls(segments: list[Logged], ledger: Ledger, job_id: str) -> None:
    """I5: who was neither killed nor met by another pays once for an answer, and counts every call."""
    mine = [ask for ask in ledger.asks if ask.job_id == job_id]
    made = Counter(ask.worker for ask in mine)
    counted = sum(segment.header.calls for segment in segments)
    survived = sum(made[worker] for worker in ledger.ended.keys() - ledger.dead)
    assert survived <= counted <= made.total(), f"{made.total()} calls, {counted} are counted"
    payers: dict[str, set[int]] = defaultdict(set)
    for job, text, worker in ledger.answered:
        if job == job_id and worker not in ledger.dead and ledger.alone(worker):
            payers[text].add(worker)
    assert all(len(workers) == 1 for workers in payers.values()), "an answer was paid for again"


def check_counts(row: JobRow, segments: list[Logged]) -> None:
    """I1: the records of the plan are the outcomes in the logs are the counts on the row."""
    counts = row.counts()
    assert counts["pending"] == 0
    assert sum(counts[ending] for ending in Ending) == counts["total"]
    endings = Counter(each["status"] for segment in segments for each in segment.outcomes)
    assert {ending: counts[ending] for ending in Ending if counts[ending]} == dict(endings)
    indexes = sorted(each["index"] for segment in segments for each in segment.outcomes)
    assert indexes == [*range(row.total)]
    # A worker that is late may count its calls in a log that was read already; nobody counts any that were not made.
    assert row.tally.calls <= sum(segment.header.calls for segment in segments)


def check_files(laptop: Laptop, row: JobRow, segments: list[Logged]) -> None:
    """I3: receipt, row and files say the same, and each outcome names its very line."""
    receipt = json.loads(laptop.objects.read(result_key(row.job_id, "receipt.json")))
    assert receipt["counts"] == row.counts()
    assert receipt["status"] == row.status.value, "the receipt tells another end than the row"
    assert receipt["reason"] == (row.reason.model_dump() if row.reason else None)
    assert receipt["closed_at"] == row.updated_at, "the receipt tells of another closing"
    assert {key: receipt[key] for key in row.tally.to_json() if key != "counts"} == {
        key: value for key, value in row.tally.to_json().items() if key != "counts"
    }
    for file in receipt["files"].values():
        check_pieces(laptop.objects.read(file["key"]), file)
    if receipt["files"]:
        check_lines(laptop, row, segments)


def check_pieces(content: bytes, file: dict[str, Any]) -> None:
    """A file is what its receipt says, piece by piece."""
    assert len(content) == file["bytes"], f"{file['key']} is not what the receipt counts"
    for piece in file["pieces"]:
        part, content = content[: piece["bytes"]], content[piece["bytes"] :]
        assert hashlib.sha256(part).hexdigest() == piece["sha256"], f"{file['key']} has changed"


def check_lines(laptop: Laptop, row: JobRow, segments: list[Logged]) -> None:
    outcomes = laptop.results(row.job_id, "outcomes.jsonl")
    logged = [each for segment in segments for each in segment.outcomes]
    assert outcomes == sorted(logged, key=itemgetter("index")), "the results are not the logs"
    for name, succeeded in (("output.jsonl", True), ("errors.jsonl", False)):
        lines = laptop.objects.lines(result_key(row.job_id, name))
        digests = [
            each["output_digest"]
            for each in outcomes
            if (each["status"] == Ending.SUCCEEDED) is succeeded
        ]
        assert [hashlib.sha256(line).hexdigest() for line in lines] == digests


def check_events(laptop: Laptop, row: JobRow) -> None:
    """Whoever listens hears the end, the right one, and nothing that contradicts it afterwards."""
    said = [status for job_id, status in laptop.events.said if job_id == row.job_id]
    ends = [status for status in said if status.final]
    assert set(ends) <= {row.status}, "two ends were told"
    if ends:
        assert set(said[said.index(ends[0]) :]) == set(ends), "the job went on after its end"


def check_money(laptop: Laptop, job_id: str) -> None:
    """I6: when nobody works and nobody was killed, nothing is reserved."""
    assert laptop.budgets.money(job_id).reserved == 0


def check_quiet(laptop: Laptop, row: JobRow) -> None:
    """I7: no prompt where data must not be."""
    assert CANARY not in repr(row)
    results = (result_key(row.job_id, name) for name in ("receipt.json", "report.html"))
    for key in (*results, problems_key(row.job_id)):
        assert CANARY not in str(laptop.objects.versions.get(key)), f"a prompt is in {key}"
