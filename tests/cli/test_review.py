"""Review: what is held is listed, shown, released or rejected, once each, with who and why."""

import io
import itertools
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from batchwright.aws.clock import SystemClock
from batchwright.aws.ledger import DynamoDBLedger
from batchwright.aws.s3 import S3Objects
from batchwright.cli import main, verify
from batchwright.cli.evidence import Kept
from batchwright.cli.results import download
from batchwright.cli.stack import find_stack
from batchwright.decision import Word
from batchwright.job import Pin
from batchwright.ledger import Appended
from batchwright.places import QUARANTINE, result_key
from batchwright.reviewing import Review, Reviewer
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.fakes import MODEL
from tests.laptop import chat_line, jsonl
from tests.signers import KeptSigner

CONTRACT = f"""
name: looked
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
filters:
  input: [{{regex: {{patterns: {{forbidden: "never ask"}}, then: review}}}}]
  output:
    - regex: {{patterns: {{email: "[a-z]+@[a-z.]+[a-z]", codename: "Zeus"}}, then: review}}
    - regex: {{patterns: {{insult: "idiot"}}, then: block}}
"""
TEXTS = {
    "calm": "say calm",
    "mail": "write to ada@example.org",
    "code": "Zeus is here",
    "asked": "never ask this",
    "rude": "you idiot",
    "evil": "bob@example.org\x1b[2J\u202egpj.exe",
}


@pytest.fixture
def job(cloud: Cloud, batchwright: Command, tmp_path: Path) -> str:
    """A job of six records: one passed, four are held for review, one was blocked."""
    cloud.put_contract("looked", CONTRACT)
    file = tmp_path / "mails.jsonl"
    file.write_bytes(jsonl([chat_line(name, text) for name, text in TEXTS.items()]))
    assert batchwright("submit", file, "--contract", "looked").code == 0
    (row,) = cloud.run()
    return row.job_id


def waiting(batchwright: Command, job: str, *options: str) -> list[str]:
    said = batchwright("review", "list", job, *options, "--json")
    assert said.code == 0
    return [each["record_id"] for each in said.json["held"]]


def lines(cloud: Cloud, job: str, name: str) -> list[dict[str, Any]]:
    content = cloud.objects.read(result_key(job, name))
    return [json.loads(line) for line in content.splitlines()]


def ledger(cloud: Cloud) -> list[dict[str, Any]]:
    return [json.loads(each.content) for each in cloud.ledger.entries()]


def release(batchwright: Command, job: str, *records: str, why: str = "it is a sample") -> int:
    return batchwright("review", "release", job, *records, "--why", why, "--by", "Ada").code


def test_what_waits_is_listed_without_a_word_of_it(batchwright: Command, job: str) -> None:
    assert waiting(batchwright, job) == ["mail", "code", "asked", "evil"]
    assert waiting(batchwright, job, "--blocked") == ["mail", "code", "asked", "rude", "evil"]
    assert waiting(batchwright, job, "--kind", "email") == ["mail", "evil"]
    said = batchwright("review", "list", job)
    assert "regex (codename)" in said.out
    assert "Zeus" not in said.out
    assert "ada@" not in said.out


def test_one_record_is_shown_with_what_was_found(batchwright: Command, job: str) -> None:
    said = batchwright("review", "show", job, "mail")
    assert said.code == 0
    assert "write to ada@example.org" in said.out
    told = batchwright("review", "show", job, "mail", "--json").json
    assert told["answered"] == ["write to ada@example.org"]
    assert told["answer"]["custom_id"] == "mail"
    assert [each["kind"] for each in told["findings"]] == ["email"]


def test_a_hostile_answer_does_nothing_to_the_terminal(batchwright: Command, job: str) -> None:
    said = batchwright("review", "show", job, "evil")
    assert "\x1b[2J" not in said.out
    assert "\u202e" not in said.out
    assert "<U+001B>" in said.out
    assert "<U+202E>" in said.out


def test_a_release_is_an_addition_and_changes_no_outcome(
    cloud: Cloud, batchwright: Command, job: str, tmp_path: Path
) -> None:
    names = ("outcomes.jsonl", "output.jsonl", "errors.jsonl", "receipt.json", "seal.json")
    before = {name: cloud.objects.read(result_key(job, name)) for name in names}
    said = batchwright(
        "review", "release", job, "mail", "--why", "her own address", "--by", "Ada", "--json"
    )
    assert said.code == 0
    (decision,) = said.json["decisions"]
    assert (decision["by"], decision["why"], decision["new"]) == ("Ada", "her own address", True)
    assert decision["identity"].startswith("arn:aws:")
    assert {name: cloud.objects.read(result_key(job, name)) for name in names} == before
    (line,) = lines(cloud, job, "released.jsonl")
    assert line["custom_id"] == "mail"
    said_by_model = line["response"]["body"]["choices"][0]["message"]["content"]
    assert said_by_model == "write to ada@example.org"
    assert waiting(batchwright, job) == ["code", "asked", "evil"]
    assert waiting(batchwright, job, "--decided") == ["mail", "code", "asked", "evil"]
    brought = batchwright("results", job, "-o", tmp_path / "out", "--json").json["results"]
    assert Path(brought["released"]).read_bytes() == cloud.objects.read(
        result_key(job, "released.jsonl")
    )
    assert Path(brought["decisions"]).exists()
    traced = batchwright("trace", job, "mail", "--json").json
    assert (traced["status"], traced["decision"]["decision"]) == ("review", "release")


def test_the_ledger_tells_who_and_neither_why_nor_what(
    cloud: Cloud, batchwright: Command, job: str
) -> None:
    assert release(batchwright, job, "mail", why="her own address") == 0
    close, released = ledger(cloud)
    assert close["kind"] == "close"
    assert (released["kind"], released["job"], released["index"]) == ("release", job, 1)
    assert released["by"] == "Ada"
    (decision,) = lines(cloud, job, "decisions.jsonl")
    told = json.dumps(released)
    assert "address" not in told
    assert decision["held"] not in told, "a digest without its salt could be guessed at"
    assert decision["released"] not in told


def test_a_rejection_releases_nothing(cloud: Cloud, batchwright: Command, job: str) -> None:
    said = batchwright("review", "reject", job, "code", "--why", "not public yet")
    assert said.code == 0
    assert waiting(batchwright, job) == ["mail", "asked", "evil"]
    assert not [*cloud.objects.keys(result_key(job, "released.jsonl"))]
    assert [each["kind"] for each in ledger(cloud)] == ["close", "reject"]


def test_a_record_is_decided_once_and_the_second_is_told_who_did(
    cloud: Cloud, batchwright: Command, job: str
) -> None:
    assert release(batchwright, job, "mail") == 0
    said = batchwright("review", "reject", job, "mail", "--why", "no", "--by", "Bob")
    assert said.code == 4
    assert "mail: stands already: released by Ada (arn:aws:" in said.out
    again = batchwright("review", "release", job, "mail", "--why", "yes", "--by", "Bob", "--json")
    assert again.code == 0
    assert [(each["by"], each["new"]) for each in again.json["decisions"]] == [("Ada", False)]
    assert (
        len(lines(cloud, job, "decisions.jsonl")) == len(lines(cloud, job, "released.jsonl")) == 1
    )
    assert len(ledger(cloud)) == 2


def test_what_was_blocked_can_be_released_too(cloud: Cloud, batchwright: Command, job: str) -> None:
    assert release(batchwright, job, "rude") == 0
    assert [each["custom_id"] for each in lines(cloud, job, "released.jsonl")] == ["rude"]


def test_a_record_that_was_held_before_it_was_asked_has_nothing_to_release(
    cloud: Cloud, batchwright: Command, job: str
) -> None:
    said = batchwright("review", "release", job, "mail", "asked", "--why", "fine")
    assert said.code == 4
    assert "there is no answer to release; change the contract's filters" in said.err
    assert len(ledger(cloud)) == 1, "of one write all is decided, or nothing"
    assert batchwright("review", "reject", job, "asked", "--why", "no").code == 0


def test_all_that_can_be_released_are_and_the_rest_is_named(
    cloud: Cloud, batchwright: Command, job: str
) -> None:
    said = batchwright("review", "release", job, "--all", "--why", "samples")
    assert said.code == 0
    released = [each["custom_id"] for each in lines(cloud, job, "released.jsonl")]
    assert released == ["mail", "code", "evil"]
    assert (
        said.err == "asked: left: it was held before it was asked, and has no answer to release\n"
    )
    again = batchwright("review", "release", job, "--all", "--why", "samples")
    assert (again.code, again.out) == (0, "")
    assert "asked: left" in again.err
    assert waiting(batchwright, job) == ["asked"]
    assert batchwright("review", "reject", job, "--all", "--why", "the rest").code == 0
    assert waiting(batchwright, job) == []


def test_a_record_that_is_named_twice_still_verifies(batchwright: Command, job: str) -> None:
    assert release(batchwright, job, "mail", "code", "mail") == 0
    assert differences(batchwright, job) == []


def test_all_of_a_kind_are_decided_at_once(cloud: Cloud, batchwright: Command, job: str) -> None:
    said = batchwright("review", "release", job, "--all", "--kind", "email", "--why", "samples")
    assert said.code == 0
    assert [each["custom_id"] for each in lines(cloud, job, "released.jsonl")] == ["mail", "evil"]
    assert waiting(batchwright, job) == ["code", "asked"]
    assert batchwright("review", "reject", job, "--all", "--why", "the rest").code == 0
    assert waiting(batchwright, job) == []
    assert "nothing waits" in batchwright("review", "list", job).out


def test_what_was_changed_in_the_quarantine_is_not_released(
    cloud: Cloud, batchwright: Command, job: str
) -> None:
    (key,) = (each for each in cloud.objects.keys(f"{QUARANTINE}{job}/000000001"))
    cloud.objects.write(key, cloud.objects.read(key).replace(b"ada@", b"eve@"))
    said = batchwright("review", "release", job, "mail", "--why", "fine")
    assert said.code == 4
    assert "it was changed; release nothing of it" in said.err
    assert "eve@" not in said.err
    assert len(ledger(cloud)) == 1


def test_what_the_quarantine_no_longer_has_is_said(
    cloud: Cloud, batchwright: Command, job: str
) -> None:
    for key in cloud.objects.keys(f"{QUARANTINE}{job}/"):
        cloud.objects._s3.delete_object(Bucket=cloud.objects.bucket, Key=key)
    said = batchwright("review", "show", job, "mail")
    assert said.code == 4
    assert "no longer in the quarantine" in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mail", "--why", " "], "the reason (--why) is missing"),
        (["mail", "--why", "a\nb"], "more than one line"),
        (["mail", "--why", "fine", "--by", "A\x1b"], "cannot be printed"),
        (["--why", "fine"], "name records by their ids"),
        (["mail", "--all", "--why", "fine"], "name records by their ids"),
        (["mail", "--kind", "email", "--why", "fine"], "--kind goes with --all"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(
    batchwright: Command, job: str, arguments: list[str], told: str
) -> None:
    said = batchwright("review", "release", job, *arguments)
    assert said.code == 2
    assert told in said.err


def test_a_record_that_nobody_held_is_not_found(batchwright: Command, job: str) -> None:
    said = batchwright("review", "release", job, "calm", "--why", "fine")
    assert said.code == 4
    assert f"job {job} holds no record 'calm'" in said.err


def test_a_job_that_runs_is_not_reviewed(cloud: Cloud, batchwright: Command, mails: Path) -> None:
    batchwright("submit", mails)
    (admitted,) = cloud.admit()
    assert batchwright("review", "list", admitted.job_id).code == 4


@pytest.fixture
def folder(batchwright: Command, job: str, tmp_path: Path) -> Path:
    """What is here after a release and a rejection."""
    assert release(batchwright, job, "mail") == 0
    assert batchwright("review", "reject", job, "code", "--why", "not public yet").code == 0
    folder = tmp_path / "here"
    batchwright("results", job, "-o", folder)
    batchwright("ledger", "-o", folder / "ledger")
    return folder


def differences(batchwright: Command, place: object) -> list[str]:
    said = batchwright("verify", place, "--ledger", "--json")
    found = [each for part in said.json.values() for each in part["differences"]]
    assert said.code == (5 if found else 0)
    return [f"{each['file']}: {each['reason']}" for each in found]


def test_a_reviewed_job_verifies(
    batchwright: Command, job: str, folder: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key.txt"
    key.write_text(str(KeptSigner().public_key()))
    assert differences(batchwright, folder) == []
    said = batchwright("verify", job, "--ledger", "--public-key", key, "--json")
    assert said.code == 0
    assert said.json["ledger"]["entries"] == 3
    assert said.json["ledger"]["covered"] == 1, "the next close's checkpoint covers decisions"


def changed(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new))


def test_a_released_line_that_was_touched_is_told(batchwright: Command, folder: Path) -> None:
    changed(folder / "released.jsonl", b"ada@example", b"eve@example")
    assert differences(batchwright, folder) == [
        "released.jsonl: nobody released this line: it was changed or added",
        "released.jsonl: its line is missing here: release the record once more to finish it",
    ]


def test_a_decision_that_was_touched_is_told(batchwright: Command, folder: Path) -> None:
    changed(folder / "decisions.jsonl", b"not public yet", b"so she wished!")
    assert differences(batchwright, folder) == [
        "decisions.jsonl: it is not in the ledger: it was changed or added",
        "decisions.jsonl: a decision about record 2 (from 0) is in the ledger and not here",
    ]
    changed(folder / "decisions.jsonl", b'"index":2', b'"index":0')
    assert "the record was not held as this says" in differences(batchwright, folder)[0]
    changed(folder / "decisions.jsonl", b'"reject"', b'"accept"')
    assert "it is no decision: it was changed" in "".join(differences(batchwright, folder))


def test_a_decision_that_was_dropped_is_told(batchwright: Command, folder: Path) -> None:
    (folder / "decisions.jsonl").unlink()
    told = differences(batchwright, folder)
    assert "released.jsonl: nobody released this line: it was changed or added" in told
    assert sum("is in the ledger and not here" in each for each in told) == 2


@dataclass(frozen=True)
class Busy(Kept):
    """What the stack keeps while people decide about it: before anything is read, somebody may."""

    meanwhile: Callable[[], None]

    def blocks(self, name: str) -> Iterator[bytes]:
        self.meanwhile()
        yield from super().blocks(name)


class BusyLedger(DynamoDBLedger):
    """The same, of the ledger."""

    meanwhile: Callable[[], None]

    def entries(self, *, since: int = 0) -> Iterator[Appended]:
        self.meanwhile()
        yield from super().entries(since=since)
        self.meanwhile()


def test_whoever_decides_while_a_job_is_verified_has_changed_nothing(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    cloud.put_contract("looked", CONTRACT)
    file = tmp_path / "many.jsonl"
    file.write_bytes(jsonl([chat_line(f"r{number}", "Zeus is here") for number in range(60)]))
    batchwright("submit", file, "--contract", "looked")
    (row,) = cloud.run()
    review = Review(row.job_id, 0, cloud.objects, cloud.ledger, SystemClock())
    outcomes = [each.outcome for each in review.waiting()]
    ledger = BusyLedger(cloud.ledger._dynamodb, cloud.ledger._table)
    stack = replace(find_stack(), ledger=ledger)

    for turn in itertools.count():
        reads = itertools.count()

        def meanwhile(turn: int = turn, reads: Iterator[int] = reads) -> None:
            if next(reads) == turn:
                for word in Word:
                    [*review.decide([outcomes.pop()], word, "so", Reviewer("Ada", None))]

        ledger.meanwhile = meanwhile
        files = Busy(row, stack, meanwhile)
        found = verify.verify(files, None, None), verify.audit(files, None)
        assert [each["told"] for each in found] == [[], []], turn
        if next(reads) <= turn:
            break
    assert turn > 12, "each time it was read later"


class BusyObjects(S3Objects):
    """The same, of the bucket, of what people decided."""

    meanwhile: Callable[[], None]

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        if key.endswith(("decisions.jsonl", "released.jsonl")):
            self.meanwhile()
        return super().pin(key, version_id)


@pytest.mark.parametrize("before", [(), ("mail",)])
@pytest.mark.parametrize("turn", range(4))
def test_what_is_decided_while_results_are_brought_comes_whole_or_not_at_all(
    cloud: Cloud, batchwright: Command, job: str, tmp_path: Path, before: tuple[str, ...], turn: int
) -> None:
    for record in before:
        assert release(batchwright, job, record) == 0
    stack, reads = find_stack(), itertools.count()
    objects = BusyObjects(stack.s3, stack.objects.bucket)

    def meanwhile() -> None:
        if next(reads) == turn:
            assert release(batchwright, job, "code") == 0

    objects.meanwhile = meanwhile

    download(cloud.row(job), tmp_path, replace(stack, objects=objects))

    assert next(reads) > turn
    assert batchwright("verify", tmp_path, "--json").json["files"]["differences"] == []


def test_decisions_stand_when_the_job_is_redriven(
    cloud: Cloud, batchwright: Command, job: str, folder: Path
) -> None:
    assert folder.exists()
    assert batchwright("redrive", job, "--only", "review").code == 0
    (row,) = cloud.run()
    assert row.redrives == 1
    assert differences(batchwright, job) == []
    assert "mail" in waiting(batchwright, job), "it is another answer that is held now"
    assert release(batchwright, job, "mail") == 0
    assert len(lines(cloud, job, "released.jsonl")) == 2
    assert differences(batchwright, job) == []


def test_forgetting_takes_decisions_and_releases_along(
    cloud: Cloud, batchwright: Command, job: str
) -> None:
    assert release(batchwright, job, "mail") == 0
    assert batchwright("forget", job, "--yes").code == 0
    left = [*cloud.objects.keys("results/"), *cloud.objects.keys(QUARANTINE)]
    assert left == [
        f"results/{job}/{name}" for name in ("receipt.json", "report.html", "seal.json", "tree/0")
    ]


class LeavingAtOnce(io.StringIO):
    """Somebody who presses Ctrl-C as soon as there is something to read."""

    def __init__(self) -> None:
        super().__init__()
        self.left = False

    def flush(self) -> None:
        if not self.left:
            self.left = True
            raise KeyboardInterrupt


def test_who_leaves_as_soon_as_the_address_is_told_leaves_in_order(job: str) -> None:
    read = LeavingAtOnce()

    with redirect_stdout(read):
        code = main(["review", "serve", job, "--by", "Ada"])

    assert (code, read.left) == (0, True)
    assert read.getvalue().startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_named(batchwright: Command, job: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = batchwright("review", "serve", job, "--port", port)

    assert said.code == 2
    assert said.err.startswith(f"batchwright: port {port} of 127.0.0.1: ")
    assert "leave out --port" in said.err
