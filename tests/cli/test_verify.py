"""Verify, where whole sets of files are exchanged, missing or older, and what it says of what nobody signed yet."""

import gzip
import io
import json
import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from batchwright.checkpoint import DER_PREFIX
from batchwright.places import result_key
from batchwright.verifying import RECEIPT, SEAL
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.fakes import MODEL, ScriptedEngine, withholding
from tests.laptop import chat_line, jsonl
from tests.signers import KeptSigner

FILES = ("output.jsonl", "errors.jsonl", "outcomes.jsonl", RECEIPT, SEAL, "salt.txt", "tree/0")
HOLDING = f"""
name: holding
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
filters: {{output: [{{length: {{max_chars: 5, then: review}}}}]}}
"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key.txt"
    file.write_text(f"{KeptSigner().public_key()}\n")
    return file


def ran(cloud: Cloud, batchwright: Command, file: Path, *texts: str) -> str:
    file.write_bytes(jsonl([chat_line(f"r{n}", text) for n, text in enumerate(texts)]))
    batchwright("submit", file)
    (row,) = cloud.run()
    return row.job_id


def redriven(cloud: Cloud, batchwright: Command, file: Path, folder: Path) -> str:
    """A job that was redriven; the files of its first run lie in the folder."""
    cloud.engine = ScriptedEngine(withholding("say b"))
    job = ran(cloud, batchwright, file, "say a", "say b")
    batchwright("results", job, "-o", folder)
    cloud.engine = ScriptedEngine()
    batchwright("redrive", job, "--only", "blocked")
    cloud.run()
    assert cloud.row(job).redrives == 1
    return job


def copied(cloud: Cloud, source: str, target: str, *, redrive: int = 0) -> None:
    for name in FILES:
        content = cloud.objects.read(result_key(source, name))
        cloud.objects.write(result_key(target, name, redrive), content)


def test_all_files_of_another_job_are_not_those_of_this_one(
    cloud: Cloud, batchwright: Command, tmp_path: Path, key: Path
) -> None:
    one = ran(cloud, batchwright, tmp_path / "one.jsonl", "say a")
    other = ran(cloud, batchwright, tmp_path / "other.jsonl", "say b")
    copied(cloud, other, one)

    said = batchwright("verify", one, "--public-key", key, "--ledger")

    assert said.code == 5
    assert f"receipt.json: it is of job {other}: the files of another job lie here" in said.out


def test_all_files_of_an_earlier_run_are_not_those_of_the_newest(
    cloud: Cloud, batchwright: Command, tmp_path: Path, key: Path
) -> None:
    job = redriven(cloud, batchwright, tmp_path / "one.jsonl", tmp_path / "earlier")
    assert batchwright("verify", job, "--public-key", key, "--ledger").code == 0
    copied(cloud, job, job, redrive=1)

    said = batchwright("verify", job, "--public-key", key)

    assert said.code == 5
    assert "receipt.json: it is of run 0, and the job's newest is 1" in said.out


def test_a_folder_of_an_earlier_run_is_told_by_the_ledger(
    cloud: Cloud, batchwright: Command, tmp_path: Path, key: Path
) -> None:
    folder = tmp_path / "earlier"
    redriven(cloud, batchwright, tmp_path / "one.jsonl", folder)
    batchwright("ledger", "-o", folder / "ledger")
    assert batchwright("verify", folder, "--public-key", key).code == 0

    said = batchwright("verify", folder, "--public-key", key, "--ledger")

    assert said.code == 5
    assert "seal.json: the ledger tells of a later end of this job" in said.out


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("content", [None, b"{", b'{"entry": null}'])
def test_a_seal_that_is_gone_is_told_beside_the_ledger_that_holds(
    cloud: Cloud,
    batchwright: Command,
    tmp_path: Path,
    key: Path,
    content: bytes | None,
    keyed: bool,
) -> None:
    job = ran(cloud, batchwright, tmp_path / "one.jsonl", "say a")
    folder = tmp_path / "here"
    batchwright("results", job, "-o", folder)
    batchwright("ledger", "-o", folder / "ledger")
    (folder / SEAL).unlink()
    if content is not None:
        (folder / SEAL).write_bytes(content)
    trusted = ["--public-key", key] if keyed else []

    said = batchwright("verify", folder, "--ledger", "--json", *trusted)

    assert said.code == 5
    assert [each["file"] for each in said.json["files"]["differences"]] == [SEAL]
    assert said.json["ledger"]["verified"]


def test_an_old_checkpoint_in_the_place_of_a_later_one_is_told(
    cloud: Cloud, batchwright: Command, tmp_path: Path, key: Path
) -> None:
    for number in range(2):
        job = ran(cloud, batchwright, tmp_path / f"{number}.jsonl", f"say {number}")
    folder = tmp_path / "here"
    batchwright("results", job, "-o", folder)
    batchwright("ledger", "-o", folder / "ledger")
    first, second = sorted((folder / "ledger" / "checkpoints").iterdir())
    shutil.copy(first, second)

    said = batchwright("verify", folder, "--public-key", key, "--ledger")

    assert said.code == 5
    assert (
        "checkpoints/000000000002: it is the checkpoint of 1 entries, put where that of 2 belongs"
    ) in said.out


def test_a_job_s_own_checkpoint_tells_of_a_ledger_that_was_cut_with_its_checkpoints(
    cloud: Cloud, batchwright: Command, tmp_path: Path, key: Path
) -> None:
    for number in range(2):
        job = ran(cloud, batchwright, tmp_path / f"{number}.jsonl", f"say {number}")
    folder = tmp_path / "here"
    batchwright("results", job, "-o", folder)
    batchwright("ledger", "-o", folder / "ledger")
    (folder / "ledger" / "checkpoints" / "000000000002").unlink()
    entries = folder / "ledger" / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().splitlines(keepends=True)[0])

    said = batchwright("verify", folder, "--public-key", key, "--ledger")

    assert said.code == 5
    assert "seal.json: the ledger lacks entry 1, which it covers" in said.out


def test_what_nobody_signed_yet_is_told_plainly(
    cloud: Cloud, batchwright: Command, tmp_path: Path, key: Path
) -> None:
    cloud.put_contract("holding", HOLDING)
    file = tmp_path / "held.jsonl"
    file.write_bytes(jsonl([chat_line("r0", "say something long")]))
    batchwright("submit", file, "--contract", "holding")
    (row,) = cloud.run()
    job = row.job_id
    assert "no signature" not in batchwright("verify", job, "--public-key", key, "--ledger").out
    batchwright("review", "release", job, "r0", "--why", "it is a sample")

    said = batchwright("verify", job, "--public-key", key, "--ledger")

    assert said.code == 0
    assert "of the ledger's 2 entries, the last 1 came after the newest checkpoint" in said.out
    assert "no signature covers them yet" in said.out
    told = batchwright("verify", job, "--public-key", key, "--ledger", "--json").json["ledger"]
    assert (told["entries"], told["covered"], told["unsigned"]) == (2, 1, 1)

    ran(cloud, batchwright, tmp_path / "next.jsonl", "say a")

    assert "no signature" not in batchwright("verify", job, "--public-key", key, "--ledger").out


def pem(encoded: str) -> str:
    return f"-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize("written", [str, pem], ids=["base64", "pem"])
def test_a_key_may_be_given_as_kms_tells_it(
    cloud: Cloud, batchwright: Command, tmp_path: Path, written: Callable[[str], str]
) -> None:
    job = ran(cloud, batchwright, tmp_path / "one.jsonl", "say a")
    ours, others = (KeptSigner(seed=seed).public_key() for seed in (1, 2))
    file = tmp_path / "key.txt"

    def verified(content: str) -> int:
        file.write_text(content)
        return batchwright("verify", job, "--public-key", file, "--ledger").code

    assert verified(written(b64encode(DER_PREFIX + ours.key).decode())) == 0
    assert verified(written(b64encode(DER_PREFIX + others.key).decode())) == 5
    for content in (b64encode(ours.key).decode(), "", "no key"):
        assert verified(content) not in {0, 5}, "it is no key"


# ---- The input -------------------------------------------------------------------------------------------------------

TABLE = f"""
name: table
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
prompt: {{user: "say {{{{ words }}}}"}}
"""
BOOKS = f"""
name: books
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
prompt: {{user: "sum up {{{{ text }}}}"}}
document: {{tokens: 100}}
"""


def parquet(texts: list[str]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [f"r{n}" for n in range(len(texts))], "words": texts}), sink)
    return sink.getvalue()


def body(texts: list[str]) -> bytes:
    said = [
        {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
        for text in texts
    ]
    asked = [{"custom_id": f"r{n}", "params": each} for n, each in enumerate(said)]
    return json.dumps({"requests": asked}, indent=1).encode()


def table(separator: str, texts: list[str]) -> bytes:
    lines = [("id", "words"), *((f"r{n}", f'"{text}"') for n, text in enumerate(texts))]
    return "".join(f"{separator.join(line)}\r\n" for line in lines).encode()


def chats(texts: list[str]) -> bytes:
    return b"\n\n".join(orjson.dumps(chat_line(f"r{n}", text)) for n, text in enumerate(texts))


KINDS: dict[str, Callable[[list[str]], bytes]] = {
    "chat.jsonl": chats,
    "chat.jsonl.gz": lambda texts: gzip.compress(chats(texts)),
    "chat.jsonl.zst": lambda texts: zstd.compress(chats(texts)),
    "rows.csv": lambda texts: table(",", texts),
    "rows.csv.gz": lambda texts: gzip.compress(table(",", texts)),
    "rows.tsv": lambda texts: table("\t", texts),
    # Not its name says what a table is, but its header.
    "rows.tabs.csv": lambda texts: table("\t", texts),
    "rows.commas.tsv": lambda texts: table(",", texts),
    "rows.txt": lambda texts: table(",", texts),
    "rows.parquet": parquet,
    "body.json": body,
}


@pytest.mark.parametrize("name", KINDS)
def test_an_input_of_any_kind_is_held_to_its_records(
    cloud: Cloud, batchwright: Command, tmp_path: Path, name: str
) -> None:
    cloud.put_contract("table", TABLE)
    contract = ["--contract", "table"] if name.startswith("rows") else []
    file, texts = tmp_path / name, ["one, two", "three\nfour", "five"]
    file.write_bytes(KINDS[name](texts))
    assert batchwright("submit", file, *contract).code == 0
    (row,) = cloud.run()
    assert row.counts()["succeeded"] == 3
    assert batchwright("verify", row.job_id, "--input", file).code == 0

    def told(changed: list[str]) -> list[tuple[str | None, str]]:
        file.write_bytes(KINDS[name](changed))
        said = batchwright("verify", row.job_id, "--input", file, "--json")
        assert said.code == 5
        found = said.json["files"]["differences"]
        assert {each["file"] for each in found} == {"input"}
        return [(each["record_id"], each["reason"]) for each in found]

    ((record, reason),) = told(["one, two", "something else", "five"])
    assert (record, reason.partition(":")[0]) == ("r1", "it is not the line that was asked")
    assert told(texts[:2]) == [("r2", "its line is missing")]
    assert told([*texts, "six"]) == [
        (None, "behind its last record stands a line that no record has: it was added")
    ]


@pytest.mark.parametrize("name", ["book.md", "book.md.gz", "book.rst", "book"])
def test_a_document_cannot_be_held_to_its_records(
    cloud: Cloud, batchwright: Command, tmp_path: Path, name: str
) -> None:
    cloud.put_contract("books", BOOKS)
    file, text = tmp_path / name, b"A book\n======\n\nOf things, and of others.\n"
    file.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    batchwright("submit", file, "--contract", "books")
    (row,) = cloud.run()
    assert row.counts()["succeeded"] == 1

    said = batchwright("verify", row.job_id, "--input", file)

    assert said.code == 4
    assert "cut into records by its job's contract" in said.err


def test_an_input_is_held_to_files_here_too_where_the_receipt_tells_what_it_was(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    file, folder = tmp_path / "one.jsonl", tmp_path / "one"
    job = ran(cloud, batchwright, file, "say a")
    batchwright("results", job, "-o", folder)
    told = batchwright("verify", folder, "--input", file)
    receipt = orjson.loads((folder / RECEIPT).read_bytes())
    del receipt["dialect"]
    (folder / RECEIPT).write_bytes(orjson.dumps(receipt))

    earlier = batchwright("verify", folder, "--input", file)

    assert told.code == 0
    assert earlier.code == 4
    assert "did not tell what the input was read as" in earlier.err
