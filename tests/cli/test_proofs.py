"""Verify, prove, trace, ledger and forget, as people and as scripts use them."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aics_tlog import tree as independent

from batchwright.aws.ledger import DynamoDBLedger
from batchwright.aws.s3 import S3Objects
from batchwright.checkpoint import read_checkpoint
from batchwright.cli.ledger import bring
from batchwright.cli.signatures import verifies
from batchwright.cli.stack import find_stack
from batchwright.digest import digest
from batchwright.ledger import Appended
from tests.cli.cloud import BUCKET, LEDGER_TABLE, Cloud
from tests.cli.conftest import Command
from tests.fakes import ScriptedEngine, withholding
from tests.laptop import chat_line, jsonl
from tests.signers import KeptSigner

ROOT = Path(__file__).parents[2]
KEY = str(KeptSigner().public_key())


@pytest.fixture
def job(cloud: Cloud, batchwright: Command, mails: Path) -> str:
    """A job of five records that has ended."""
    batchwright("submit", mails)
    (row,) = cloud.run()
    return row.job_id


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key.txt"
    file.write_text(KEY + "\n")
    return file


class BusyLedger(DynamoDBLedger):
    """A ledger in which something happens while it is read."""

    meanwhile: Callable[[], object]

    def entries(self, *, since: int = 0) -> Iterator[Appended]:
        yield from super().entries(since=since)
        self.meanwhile()


class BusyObjects(S3Objects):
    """A bucket in which something happens while it is listed."""

    meanwhile: Callable[[], object]

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        yield from super().keys(prefix, after=after)
        self.meanwhile()


def test_a_job_that_ends_while_the_ledger_is_brought_takes_nothing_from_it(
    cloud: Cloud, batchwright: Command, job: str, tmp_path: Path
) -> None:
    def another() -> None:
        file = tmp_path / f"{len([*cloud.ledger.entries()])}.jsonl"
        file.write_bytes(jsonl([chat_line(file.name, "say more")]))
        batchwright("submit", file)
        assert cloud.run()

    stack = find_stack()
    ledger, objects = (
        BusyLedger(cloud.ledger._dynamodb, LEDGER_TABLE),
        BusyObjects(stack.s3, BUCKET),
    )
    ledger.meanwhile = objects.meanwhile = another
    batchwright("results", job, "-o", tmp_path / "here")

    brought = bring(tmp_path / "here" / "ledger", replace(stack, ledger=ledger, objects=objects))

    assert brought["entries"] == 2
    said = batchwright("verify", tmp_path / "here", "--ledger", "--json")
    assert said.code == 0
    assert said.json["ledger"]["unsigned"] == 1


@pytest.fixture
def folder(job: str, batchwright: Command, tmp_path: Path) -> Path:
    """Its results and the ledger, brought here."""
    folder = tmp_path / "here"
    batchwright("results", job, "-o", folder)
    batchwright("ledger", "-o", folder / "ledger")
    return folder


def test_a_job_verifies(batchwright: Command, job: str, key: Path, mails: Path) -> None:
    said = batchwright("verify", job, "--public-key", key, "--ledger", "--input", mails, "--json")
    assert said.code == 0
    assert said.json["files"] | {"differences": []} == {
        "verified": True,
        "records": 5,
        "ledger": "batchwright/test",
        "checkpoint": 1,
        "key_given": True,
        "differences": [],
    }
    assert said.json["ledger"]["covered"] == said.json["ledger"]["entries"] == 1


def test_a_folder_verifies_without_aws(
    batchwright: Command, folder: Path, key: Path, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.delenv("AWS_ACCESS_KEY_ID", raising=False)
    said = batchwright("verify", folder, "--public-key", key, "--ledger")
    assert said.code == 0
    assert "verified True" in said.out


def test_a_changed_answer_is_named_with_code_five(
    batchwright: Command, folder: Path, key: Path
) -> None:
    output = folder / "output.jsonl"
    output.write_bytes(output.read_bytes().replace(b"req-3", b"req-4"))
    said = batchwright("verify", folder, "--public-key", key)
    assert said.code == 5
    assert "output.jsonl, line 4 (record 'req-3'): it is not the line that its outcome" in said.out


def test_a_changed_input_is_named(batchwright: Command, folder: Path, mails: Path) -> None:
    mails.write_bytes(mails.read_bytes().replace(b"req-2", b"req-0"))
    said = batchwright("verify", folder, "--input", mails, "--json")
    assert said.code == 5
    assert [each["record_id"] for each in said.json["files"]["differences"]] == ["req-2"]


def test_another_key_is_not_trusted(batchwright: Command, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(str(KeptSigner(seed=2).public_key()))
    said = batchwright("verify", folder, "--public-key", other)
    assert said.code == 5
    assert "not signed with the key" in said.out


def test_a_truncated_ledger_is_told(batchwright: Command, folder: Path) -> None:
    (folder / "ledger" / "entries.jsonl").write_bytes(b"")
    said = batchwright("verify", folder, "--ledger")
    assert said.code == 5
    assert "the ledger lacks entry 0" in said.out


def test_a_job_that_runs_is_not_sealed_yet(cloud: Cloud, batchwright: Command, mails: Path) -> None:
    batchwright("submit", mails)
    (admitted,) = cloud.admit()
    said = batchwright("verify", admitted.job_id)
    assert said.code == 4
    assert "it is sealed when it ends" in said.err


def prove(batchwright: Command, place: object, file: Path, *options: str) -> Path:
    said = batchwright("prove", place, "req-2", *options)
    assert said.code == 0
    file.write_text(said.out)
    return file


def checked(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = ROOT / "docs" / "verify_proof.py"
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script


def test_a_proof_holds_for_whoever_has_nothing_but_python(
    batchwright: Command, job: str, folder: Path, tmp_path: Path
) -> None:
    for place in (job, folder):
        proof = prove(batchwright, place, tmp_path / "proof.json")
        told = checked(proof)
        assert told.returncode == 0, told.stderr
        assert "batchwright/test\n1\n" in told.stdout


def test_an_end_that_was_not_signed_proves_nothing(batchwright: Command, folder: Path) -> None:
    seal = json.loads((folder / "seal.json").read_text())
    unsigned = {**seal, "checkpoint": None, "unsigned": "entry 7 is missing"}
    (folder / "seal.json").write_text(json.dumps(unsigned))
    said = batchwright("prove", folder, "req-2")
    assert said.code != 0
    assert "no checkpoint of its end was signed: entry 7 is missing" in said.err
    assert batchwright("verify", folder).code == 5


def test_a_proof_tells_nothing_of_the_text_unless_it_is_opened(
    batchwright: Command, folder: Path, tmp_path: Path
) -> None:
    line = (folder / "output.jsonl").read_bytes().splitlines()[2]
    closed = prove(batchwright, folder, tmp_path / "closed.json").read_text()
    assert digest(line) not in closed
    assert "req-2" not in closed
    opened = prove(batchwright, folder, tmp_path / "opened.json", "--open")
    answer = tmp_path / "answer.txt"
    answer.write_bytes(line + b"\n")
    assert checked(opened, answer).returncode == 0
    answer.write_bytes(line.replace(b"req-2", b"req-3"))
    assert "another answer" in checked(opened, answer).stderr


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("envelope", "status"), "failed"),
        (("root",), "00" * 32),
        (("index",), 1),
        (("ledger", "entry", "status"), "failed"),
        (("ledger", "number"), 7),
    ],
)
def test_a_proof_that_was_touched_does_not_hold(
    batchwright: Command, folder: Path, tmp_path: Path, path: tuple[str, ...], value: object
) -> None:
    file = prove(batchwright, folder, tmp_path / "proof.json")
    proof = json.loads(file.read_text())
    node = proof
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    file.write_text(json.dumps(proof))
    assert checked(file).returncode != 0


def test_two_checkpoints_are_shown_to_be_of_one_ledger(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    for number in range(3):
        file = tmp_path / f"{number}.jsonl"
        file.write_bytes(jsonl([chat_line("r", f"say {number}")]))
        batchwright("submit", file)
        cloud.run()
    batchwright("ledger", "-o", tmp_path / "ledger")
    for place in ([], ["--ledger", tmp_path / "ledger"]):
        proof = batchwright("consistency", 1, 3, *place).json
        roots = []
        for size in ("earlier", "later"):
            note = cloud.objects.read(f"ledger/checkpoints/{proof[size]['size']:012d}").decode()
            roots.append(read_checkpoint(note, KeptSigner().public_key(), verifies).root)
        assert [root.hex() for root in roots] == [proof["earlier"]["root"], proof["later"]["root"]]
        way = [bytes.fromhex(each) for each in proof["proof"]]
        assert independent.verify_consistency(1, 3, roots[0], roots[1], way)
    assert batchwright("consistency", 3, 1).code == 4
    assert batchwright("consistency", 1, 9).code == 4


def test_a_record_that_is_not_there_has_no_proof(batchwright: Command, job: str) -> None:
    said = batchwright("prove", job, "nobody")
    assert said.code == 4
    assert "the job has no record 'nobody'" in said.err


def test_a_record_s_story_is_told_without_its_words(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    cloud.engine = ScriptedEngine(withholding("say something"))
    file = tmp_path / "one.jsonl"
    file.write_bytes(jsonl([chat_line("r-1", "say something")]))
    batchwright("submit", file)
    (row,) = cloud.run()
    said = batchwright("trace", row.job_id, "r-1", "--json")
    assert said.code == 0
    assert (said.json["status"], said.json["attempts"]) == ("blocked", 1)
    assert [each["settled"] for each in said.json["segments"]] == [False, True]
    assert said.json["segments"][0]["claimed"]
    told = batchwright("trace", row.job_id, "r-1")
    assert "say something" not in said.out + told.out
    assert "content_filtered" in told.out


def test_a_job_that_is_forgotten_leaves_its_proof_and_nothing_else(
    cloud: Cloud, batchwright: Command, job: str, key: Path
) -> None:
    assert batchwright("forget", job, "--yes").code == 0
    left = [*cloud.objects.keys("")]
    assert [each for each in left if not each.startswith("ledger/")] == [
        f"results/{job}/receipt.json",
        f"results/{job}/report.html",
        f"results/{job}/seal.json",
        f"results/{job}/tree/0",
    ]
    versions = cloud.objects._s3.list_object_versions(Bucket=cloud.objects.bucket)
    kept = {each["Key"] for each in versions["Versions"]}
    assert not versions.get("DeleteMarkers")
    assert kept == set(left)
    entries = [json.loads(each.content) for each in cloud.ledger.entries()]
    assert [each["kind"] for each in entries] == ["close", "forget"]
    assert batchwright("forget", job, "--yes").code == 0
    assert len([*cloud.ledger.entries()]) == 2, "it is forgotten once"
    said = batchwright("verify", job, "--public-key", key, "--json")
    assert said.code == 5
    files = {each["file"] for each in said.json["files"]["differences"]}
    assert "seal.json" not in files, "what is left is still the sealed one"


@pytest.mark.parametrize("answer", ["n\n", ""], ids=["no", "nobody answers"])
def test_forgetting_asks_first(
    batchwright: Command, job: str, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    said = batchwright("forget", job, "--json")

    assert (said.code, said.out) == (130, "")
    assert f"Delete inputs, answers and working files of job {job} for good?" in said.err
    assert said.err.endswith(f"\nbatchwright: job {job} was not forgotten; --yes does not ask\n")
    assert batchwright("verify", job).code == 0


def test_who_asks_for_what_was_forgotten_is_told(
    batchwright: Command, job: str, mails: Path, tmp_path: Path
) -> None:
    assert batchwright("forget", job, "--yes").code == 0

    said = [
        batchwright(*command)
        for command in (
            ("results", job, "-o", tmp_path / "out"),
            ("trace", job, "line-1"),
            ("prove", job, "line-1"),
            ("review", "list", job),
        )
    ]
    again = batchwright("submit", mails)

    assert [one.code for one in said] == [4, 4, 4, 4]
    gone = "of job {} is no longer there: the job was forgotten, or its time is over (ResultRetentionDays)"
    assert [one for one in said if gone.format(job) not in one.err] == []
    assert (
        "stands already, and its results are no longer there; --again runs it once more"
        in again.err
    )


def test_a_job_that_runs_is_not_forgotten(cloud: Cloud, batchwright: Command, mails: Path) -> None:
    batchwright("submit", mails)
    (admitted,) = cloud.admit()
    assert batchwright("forget", admitted.job_id, "--yes").code == 4


@pytest.mark.parametrize(
    "content", [b"no key\n", b"\xff\xfe", b"", b"eA=="], ids=["words", "binary", "empty", "short"]
)
def test_a_file_that_is_no_key_is_wrong_usage(
    batchwright: Command, folder: Path, key: Path, content: bytes
) -> None:
    key.write_bytes(content)

    said = batchwright("verify", folder, "--public-key", key)

    assert said.code == 2
    assert f"{key}: " in said.err
    assert "key" in said.err.removeprefix(f"batchwright: {key}")


def test_what_the_desktop_left_beside_the_checkpoints_is_no_checkpoint(
    batchwright: Command, folder: Path
) -> None:
    (folder / "ledger" / "checkpoints" / ".DS_Store").write_bytes(b"\x00\xff")

    said = batchwright("verify", folder, "--ledger", "--json")

    assert (said.code, said.json["ledger"]["checkpoints"]) == (0, 1)


def test_a_checkpoint_that_is_no_text_is_told(batchwright: Command, folder: Path) -> None:
    (folder / "ledger" / "checkpoints" / "000000000002").write_bytes(b"\x00\xff")

    said = batchwright("verify", folder, "--ledger")

    assert said.code == 5
    assert "checkpoints/000000000002" in said.out


def test_what_differs_is_told_where_the_ledger_is_not_there(
    batchwright: Command, folder: Path
) -> None:
    (folder / "output.jsonl").write_bytes(b"{}\n")
    (folder / "ledger").rename(folder / "elsewhere")

    said = batchwright("verify", folder, "--ledger")
    told = batchwright("verify", folder, "--ledger", "--json")

    assert said.code == told.code == 2
    assert "files: verified False" in said.out
    assert told.json.keys() == {"files"}
    assert f"batchwright: {folder}/ledger/entries.jsonl: No such file or directory" in said.err


@pytest.mark.parametrize("name", ["receipt.json", "seal.json"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_nothing_is_proved_by_a_file_that_cannot_be_read(
    batchwright: Command, folder: Path, name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)

    said = batchwright("prove", folder, "line-1")

    assert said.code == 5
    assert said.out == ""
    assert f"{name} is not as it was sealed" in said.err


def test_an_id_that_is_no_text_is_no_record(batchwright: Command, folder: Path) -> None:
    said = batchwright("prove", folder, os.fsdecode(b"caf\xe9"))

    assert said.code == 4
    assert "the job has no record" in said.err


def test_a_ledger_is_read_alike_whatever_the_locale(tmp_path: Path) -> None:
    public = KeptSigner(name="kärtchen/test").public_key()
    (tmp_path / "public-key.txt").write_text(f"{public}\n", encoding="utf-8")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    reading = (
        "from batchwright.cli.ledger import brought_key; from pathlib import Path; import sys;"
        " print(ascii(brought_key(Path(sys.argv[1]))))"
    )

    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", reading, tmp_path],
        env={**os.environ, **locale},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == f"{f'{public}\n'!a}\n"
