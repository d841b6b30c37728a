"""Verifying: whatever is changed, dropped, added, moved or forged is found, and told by its name."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.auditing import Audit
from batchwright.checkpoint import Checkpoint
from batchwright.cli.signatures import verifies
from batchwright.digest import digest
from batchwright.errors import Missing
from batchwright.leaf import Salt, canonical, leaf_of
from batchwright.ledger import Head
from batchwright.merkle import WIDTH, Tree
from batchwright.outcome import DECODER, Outcome
from batchwright.verifying import Verifier
from tests.fakes import SALT, ScriptedEngine, withholding
from tests.laptop import Laptop, chat_line, converse_line, jsonl
from tests.signers import KeptSigner

type Files = dict[str, bytes]
NAMES = (
    "output.jsonl",
    "errors.jsonl",
    "outcomes.jsonl",
    "receipt.json",
    "seal.json",
    "salt.txt",
    "tree/0",
)
RECORDS = 9
SIGNER = KeptSigner()


class Folder:
    """Files in memory, read in small blocks."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def blocks(self, name: str) -> Iterator[bytes]:
        if name not in self._files:
            raise Missing(name)
        content = self._files[name]
        for place in range(0, len(content), 100):
            yield content[place : place + 100]


def sealed(laptop: Laptop, name: str, records: int = RECORDS) -> Files:
    lines = [chat_line(f"r{number}", f"say {name} {number}") for number in range(records)]
    job_id = laptop.run(jsonl(lines), f"inbox/{name}.jsonl").job_id
    names = (*NAMES, "tree/1") if records > WIDTH else NAMES
    return {each: laptop.objects.read(f"results/{job_id}/{each}") for each in names}


def laptop() -> Laptop:
    return Laptop(engine=ScriptedEngine(withholding("say a 4")), chunk_records=4)


LAPTOP = laptop()
FILES = sealed(LAPTOP, "a")
OTHER = sealed(LAPTOP, "b")


def differences(files: Files, signer: KeptSigner | None = SIGNER) -> list[str]:
    key = signer.public_key() if signer else None
    verifier = Verifier(Folder(files), key=key, verifies=verifies)
    return [str(each) for each in verifier.differences()]


def lines_of(files: Files, name: str) -> list[bytes]:
    return files[name].splitlines(keepends=True)


def with_lines(files: Files, name: str, change: Callable[[list[bytes]], Any]) -> Files:
    lines = lines_of(files, name)
    change(lines)
    return files | {name: b"".join(lines)}


def test_what_was_not_touched_verifies() -> None:
    verifier = Verifier(Folder(FILES), key=SIGNER.public_key(), verifies=verifies)
    assert [*verifier.differences()] == []
    assert verifier.records == RECORDS
    assert verifier.checkpoint is not None
    assert differences(OTHER) == []
    assert differences(FILES, signer=None) == []


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40)
def test_no_bit_of_any_file_can_be_flipped(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    if (
        name in {"seal.json", "receipt.json"}
        and _same_json(bytes(content), FILES[name])
        and name == "seal.json"
    ):
        return  # a space between its fields says nothing
    if name == "salt.txt" and bytes(content).strip().lower() == FILES[name].strip():
        return
    assert differences(FILES | {name: bytes(content)})


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(orjson.loads(one) == orjson.loads(other))
    except orjson.JSONDecodeError:
        return False


def dropped(place: int) -> Callable[[list[bytes]], Any]:
    return lambda lines: lines.pop(place)


def swapped(lines: list[bytes]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def doubled(lines: list[bytes]) -> None:
    lines.insert(2, lines[2])


def changed(lines: list[bytes]) -> None:
    lines[2] = lines[2].replace(b"say a 2", b"say a 7").replace(b'"attempts":1', b'"attempts":2')


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("output.jsonl", changed, "output.jsonl, line 3 (record 'r2'): it is not the line"),
        ("output.jsonl", dropped(2), "output.jsonl (record 'r2'): its line is missing"),
        ("output.jsonl", dropped(-1), "output.jsonl (record 'r8'): its line is missing"),
        ("output.jsonl", doubled, "output.jsonl, line 4: no record has this line"),
        ("output.jsonl", swapped, "output.jsonl, line 2: no record has this line here"),
        ("errors.jsonl", dropped(0), "errors.jsonl (record 'r4'): its line is missing"),
        (
            "outcomes.jsonl",
            changed,
            "outcomes.jsonl, line 3 (record 'r2'): it is not what its leaf",
        ),
        ("outcomes.jsonl", dropped(2), "outcomes.jsonl, line 3: record 2 is missing before it"),
        ("outcomes.jsonl", dropped(-1), "outcomes.jsonl: 9 records were sealed, 8 are here"),
        ("outcomes.jsonl", doubled, "outcomes.jsonl, line 4 (record 'r2'): it is record 2, which"),
        ("outcomes.jsonl", swapped, "outcomes.jsonl, line 3 (record 'r1'): it is record 1, which"),
    ],
)
def test_a_line_that_was_touched_is_told_by_its_record(
    name: str, change: Callable[[list[bytes]], Any], told: str
) -> None:
    found = differences(with_lines(FILES, name, change))
    assert any(each.startswith(told) for each in found), found
    assert len(found) < 8, "one change is not told a hundred times"


@pytest.mark.parametrize(
    "fact",
    [
        "line",
        "route",
        "stop_reason",
        "ambiguous_attempts",
        "cost_usd",
        "latency_ms",
        "waited_ms",
        "at",
    ],
)
def test_a_fact_that_was_touched_is_told_by_its_record(fact: str) -> None:
    def touch(lines: list[bytes]) -> None:
        told = orjson.loads(lines[2])
        told[fact] = told[fact] + "x" if isinstance(told[fact], str) else told[fact] + 1
        lines[2] = orjson.dumps(told) + b"\n"

    found = differences(with_lines(FILES, "outcomes.jsonl", touch))
    assert found[0].startswith("outcomes.jsonl, line 3 (record 'r2'): it is not what its leaf")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "tree/0"])
def test_a_file_that_is_missing_is_told(name: str) -> None:
    files = {each: content for each, content in FILES.items() if each != name}
    assert any(each.startswith(f"{name}: it is missing") for each in differences(files))


def test_whatever_else_the_receipt_names_is_held_to_it() -> None:
    world = laptop()
    row = world.run(jsonl([converse_line("r0", "say a")]), "inbox/bedrock.jsonl")
    names = (*NAMES, "manifest.json.out")
    files = {name: world.objects.read(f"results/{row.job_id}/{name}") for name in names}
    assert differences(files) == []

    counted = files["manifest.json.out"].replace(
        b'"successRecordCount":1', b'"successRecordCount":9'
    )
    assert differences(files | {"manifest.json.out": counted}) == [
        "manifest.json.out: its digest is not the one in the receipt"
    ]
    del files["manifest.json.out"]
    assert differences(files) == ["manifest.json.out: it is missing"]


@pytest.mark.parametrize(
    "change",
    [lambda tree: tree[:-32], lambda tree: tree[:-7], lambda tree: tree + bytes(32), lambda _: b""],
    ids=["truncated", "torn", "grown", "emptied"],
)
def test_a_tree_of_another_length_is_told(change: Callable[[bytes], bytes]) -> None:
    files = FILES | {"tree/0": change(FILES["tree/0"])}
    assert differences(files) == ["tree/0: its digest is not the one in the receipt"]


def test_the_levels_above_the_leaves_are_held_to_the_receipt_too() -> None:
    wide = sealed(laptop(), "wide", records=300)
    assert differences(wide) == []
    levels = orjson.loads(wide["receipt.json"])["tree"]["levels"]
    assert len(levels) == 2
    assert differences(wide | {"tree/1": bytes(32)}) == [
        "tree/1: its digest is not the one in the receipt"
    ]


def test_an_end_that_was_not_signed_is_told_with_the_reason() -> None:
    seal = orjson.loads(FILES["seal.json"]) | {"checkpoint": None, "unsigned": "entry 7 is missing"}
    assert differences(FILES | {"seal.json": orjson.dumps(seal)}) == [
        "seal.json: no checkpoint was signed: entry 7 is missing"
    ]


def test_a_tree_that_is_missing_is_made_again() -> None:
    files = {each: content for each, content in FILES.items() if each != "tree/0"}
    assert differences(files) == []


@pytest.mark.parametrize("name", NAMES)
def test_two_jobs_files_cannot_be_swapped(name: str) -> None:
    if FILES[name] != OTHER[name]:  # they have the same salt here
        assert differences(FILES | {name: OTHER[name]})


# ---- Whoever changes an answer, and then everything behind it that they can ------------------------------------------


def forged(depth: int, signer: KeptSigner = SIGNER) -> Files:
    """Change the answer of record 2, and every digest of it up to a depth."""
    files = with_lines(FILES, "output.jsonl", changed)
    outcomes = [DECODER.decode(line) for line in lines_of(FILES, "outcomes.jsonl")]
    line = lines_of(files, "output.jsonl")[2].rstrip(b"\n")
    told = orjson.loads(lines_of(FILES, "outcomes.jsonl")[2])
    if depth >= 1:
        told["output_digest"] = digest(line)
    outcome = DECODER.decode(orjson.dumps({**told, "leaf": None}))
    if depth >= 2:
        told["leaf"] = leaf_of(outcomes_job(FILES), outcome, Salt(SALT)).hex()
    facts = lines_of(FILES, "outcomes.jsonl")
    facts[2] = orjson.dumps(told) + b"\n"
    files["outcomes.jsonl"] = b"".join(facts)
    outcomes[2] = DECODER.decode(facts[2])
    leaves = b"".join(bytes.fromhex(each.leaf or "") for each in outcomes)
    tree = Tree()
    tree.append(leaves)
    if depth >= 3:
        files["tree/0"] = leaves
    receipt = orjson.loads(FILES["receipt.json"])
    if depth >= 4:
        receipt["tree"]["root"] = tree.root().hex()
        sealed_files = receipt["files"] | {"tree/0": receipt["tree"]["levels"][0]}
        for name in ("output.jsonl", "outcomes.jsonl", "tree/0"):
            piece = {"bytes": len(files[name]), "sha256": digest(files[name])}
            sealed_files[name] |= {"sha256": piece["sha256"], "pieces": [piece]}
        files["receipt.json"] = orjson.dumps(receipt)
    if depth >= 5:
        seal = orjson.loads(FILES["seal.json"])
        seal["entry"] |= {"receipt": digest(files["receipt.json"]), "root": receipt["tree"]["root"]}
        if depth >= 6:
            _, appended = Head().with_entry(canonical(seal["entry"]))
            key = signer.public_key()
            checkpoint = Checkpoint(origin=key.name, size=1, root=appended.root)
            seal |= {
                "number": 0,
                "size": 1,
                "proof": [],
                "checkpoint": checkpoint.signed(key, signer.sign),
                "public_key": str(key),
            }
        files["seal.json"] = orjson.dumps(seal)
    return files


def outcomes_job(files: Files) -> str:
    job_id: str = orjson.loads(files["receipt.json"])["job_id"]
    return job_id


@pytest.mark.parametrize(
    ("depth", "told"),
    [
        (0, "output.jsonl, line 3 (record 'r2')"),
        (1, "outcomes.jsonl, line 3 (record 'r2'): it is not what its leaf commits to"),
        (2, "outcomes.jsonl, line 3 (record 'r2'): the tree has another leaf"),
        (3, "receipt.json: its root is not that of the records"),
        (4, "seal.json: the receipt is not the one in the ledger"),
        (5, "seal.json: the signed checkpoint does not cover this entry"),
    ],
)
def test_an_answer_that_was_changed_is_found_however_far_the_forger_goes(
    depth: int, told: str
) -> None:
    assert any(each.startswith(told) for each in differences(forged(depth)))


def test_a_forger_who_signs_with_another_key_is_found_by_the_public_key() -> None:
    files = forged(6, KeptSigner(seed=2))
    (found,) = differences(files)
    assert found.startswith(
        "seal.json: its checkpoint does not hold: it is not signed with the key"
    )


def test_whoever_has_the_ledger_s_key_can_forge_and_only_a_kept_checkpoint_tells() -> None:
    assert differences(forged(6)) == [], "this is why checkpoints are copied out of reach"
    entry = orjson.loads(forged(6)["seal.json"])["entry"]
    audit = Audit(KEPT, key=SIGNER.public_key(), verifies=verifies)
    entries = [canonical(entry), *ENTRIES[1:]]
    assert [*audit.differences(entries)] != []


def test_an_old_checkpoint_does_not_cover_a_later_end() -> None:
    seal = orjson.loads(OTHER["seal.json"])
    seal["checkpoint"] = orjson.loads(FILES["seal.json"])["checkpoint"]
    found = differences(OTHER | {"seal.json": orjson.dumps(seal)})
    assert any("does not cover this entry" in each for each in found)


# ---- The ledger ------------------------------------------------------------------------------------------------------

ENTRIES = [each.content for each in LAPTOP.ledger.entries()]
KEPT = {
    key: LAPTOP.objects.read(key).decode() for key in LAPTOP.objects.keys("ledger/checkpoints/")
}


def audited(entries: list[bytes], kept: dict[str, str] | None = None) -> list[str]:
    audit = Audit(KEPT if kept is None else kept, key=SIGNER.public_key(), verifies=verifies)
    return [str(each) for each in audit.differences(entries)]


def test_a_ledger_that_only_grew_holds() -> None:
    audit = Audit(KEPT, key=SIGNER.public_key(), verifies=verifies)
    assert [*audit.differences(ENTRIES)] == []
    assert (audit.entries, audit.covered) == (2, 2)


def test_a_truncated_ledger_is_told_by_a_checkpoint() -> None:
    (found,) = audited(ENTRIES[:-1])
    assert found == "ledger/checkpoints/000000000002: the ledger lacks entry 1, which it covers"


def test_a_forked_ledger_is_told_by_the_checkpoint_of_the_other_branch() -> None:
    fork = [ENTRIES[0], ENTRIES[1].replace(b"completed", b"failed")]
    (found,) = audited(fork)
    assert "the first 2 entries are not those that were signed: one behind entry 0" in found


def test_entries_cannot_be_swapped_or_dropped() -> None:
    assert audited(ENTRIES[::-1])
    assert audited(ENTRIES[1:])
    assert audited([])


def test_a_checkpoint_signed_by_another_is_told() -> None:
    other = KeptSigner(seed=3)
    forgery = Checkpoint(origin=SIGNER.name, size=1, root=b"x" * 32)
    kept = {"copy": forgery.signed(other.public_key(), other.sign)}
    assert "does not hold" in audited(ENTRIES, kept)[0]


def test_two_jobs_that_end_at_once_both_stand_in_the_ledger() -> None:
    numbers = {json.loads(files["seal.json"])["number"] for files in (FILES, OTHER)}
    assert numbers == {0, 1}


def test_outcomes_are_read_as_they_were_written() -> None:
    for line in lines_of(FILES, "outcomes.jsonl"):
        outcome: Outcome = DECODER.decode(line)
        assert outcome.facts() == line.rstrip(b"\n")
