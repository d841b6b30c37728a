"""Status, jobs and results: how a job stands, as people and as programs are told."""

import json
from copy import replace
from pathlib import Path

import pytest

from batchwright.completion import Completion
from batchwright.job import Reason
from batchwright.places import contract_key
from batchwright.request import Request
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.fakes import MODEL, ScriptedEngine, echo, withholding
from tests.laptop import chat_file, chat_line, jsonl, song

FACTS = {
    "job_id", "status", "contract", "input", "counts", "usage", "cost_usd", "calls", "cached", "saved_usd",
    "problems", "reason", "incomplete_reason", "lane", "lane_reason", "redrive", "results",
}  # fmt: skip
COUNTS = {
    "total", "succeeded", "failed", "blocked", "review", "expired", "cancelled", "pending",
}  # fmt: skip
SAID = "the contract says lane: on_demand"
FILES = {"output", "errors", "outcomes", "receipt", "report", "problems"}


def test_a_job_that_succeeded_is_told_whole(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()

    said = batchwright("status", row.job_id, "--json")

    facts = said.json
    assert said.code == 0
    assert said.err == ""
    assert facts.keys() == FACTS
    assert facts["counts"].keys() == COUNTS
    assert facts["status"] == "completed"
    assert facts["counts"]["succeeded"] == facts["counts"]["total"] == 5
    assert facts["calls"] == 5
    assert facts["cost_usd"] > 0
    assert (facts["lane"], facts["lane_reason"]) == ("on_demand", SAID)
    assert f"on_demand: {SAID}" in batchwright("status", row.job_id).out
    assert {"input_tokens", "output_tokens"} <= facts["usage"].keys()
    assert facts["results"]["output"] == f"s3://box/results/{row.job_id}/output.jsonl"
    assert facts["results"].keys() == FILES


def test_a_running_job_is_counted_by_its_chunks(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    batchwright("submit", mails)
    (admitted,) = cloud.admit()
    first, _second = cloud.plan(admitted.job_id)
    cloud.invoke(first)

    said = batchwright("status", admitted.job_id, "--json")

    assert said.code == 0
    assert said.json["status"] == "running"
    assert said.json["counts"] | {"total": 5, "succeeded": 2, "pending": 3} == said.json["counts"]
    assert said.json["calls"] == 2
    assert set(said.json["results"].values()) == {None}


def test_a_job_with_other_outcomes_is_code_3(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    cloud.engine = ScriptedEngine(withholding(song(2)))
    batchwright("submit", mails)
    (row,) = cloud.run()

    said = batchwright("status", row.job_id)

    assert said.code == 3
    assert "5: 4 succeeded, 1 blocked" in said.out


def test_an_incomplete_job_is_code_3_and_says_why(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    batchwright("submit", mails)
    (admitted,) = cloud.admit()
    first, _second = cloud.plan(admitted.job_id)
    cloud.invoke(first)
    cloud.jobs.stop(admitted.job_id, Reason(code="access_denied", message="no model access"))
    cloud.close(admitted.job_id)

    said = batchwright("status", admitted.job_id)

    assert said.code == 3
    assert "incomplete" in said.out
    assert "access_denied: no model access" in said.out


def test_a_refused_file_is_code_4_with_the_line_and_the_code(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    file = tmp_path / "empty.jsonl"
    file.write_bytes(b"\n\n")
    batchwright("submit", file)
    (row,) = cloud.run()

    told = batchwright("status", row.job_id, "--json")
    again = batchwright("submit", file, "--wait", "--json")

    assert told.code == again.code == 4
    assert told.json["reason"]["code"] == "empty_file"
    assert again.json["new"] is False


def test_a_price_that_is_not_known_is_null_and_never_nothing(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    stranger = "somebody.new-model-v1:0"
    cloud.put_contract(
        "new", f"name: new\nroutes: [{{model: '{stranger}'}}]\nmodels: {{'*': '{stranger}'}}\n"
    )
    cloud.models = (stranger,)
    batchwright("submit", mails, "--contract", "new")
    (row,) = cloud.run()

    assert batchwright("status", row.job_id, "--json").json["cost_usd"] is None
    assert "price not known" in batchwright("status", row.job_id).out


@pytest.mark.parametrize("command", [("status",), ("results", "-o", "here")])
def test_an_unknown_job_is_code_4(
    cloud: Cloud, batchwright: Command, command: tuple[str, ...]
) -> None:
    assert cloud

    said = batchwright(*command, "0123456789abcdef", "--json")

    assert said.code == 4
    assert said.out == ""
    assert said.err == (
        "batchwright: there is no job '0123456789abcdef'; batchwright jobs lists those there are\n"
    )


def test_jobs_lists_the_newest_first(cloud: Cloud, batchwright: Command, tmp_path: Path) -> None:
    ids = []
    for number in (1, 2, 3):
        file = tmp_path / f"{number}.jsonl"
        file.write_bytes(chat_file(number))
        ids.append(batchwright("submit", file, "--json").json["job_id"])
        cloud.run()

    said = batchwright("jobs", "--limit", 2, "--json")

    assert said.code == 0
    assert said.json.keys() == {"jobs"}
    assert [job["job_id"] for job in said.json["jobs"]] == [ids[2], ids[1]]
    assert all(job.keys() == FACTS for job in said.json["jobs"])
    assert all(job_id in batchwright("jobs").out for job_id in ids)


def test_names_from_outside_do_nothing_to_the_terminal(cloud: Cloud, batchwright: Command) -> None:
    lines = jsonl([chat_line("r\x1b[2J", "a\nb")])
    cloud.objects.write("inbox/default/a\x1b[31mred\u202e.jsonl", lines)
    (row,) = cloud.run()

    said = [batchwright(command, row.job_id) for command in ("status", "watch")]
    said += [batchwright("jobs"), batchwright("trace", row.job_id, "r\x1b[2J")]

    assert [one.code for one in said] == [0, 0, 0, 0]
    assert not [one for one in said if {"\x1b", "\u202e"} & {*one.out, *one.err}]
    assert all("aU+001B[31mredU+202E.jsonl" in one.out for one in said[:3])
    assert "rU+001B[2J" in said[3].out
    assert batchwright("status", row.job_id, "--json").json["input"] == row.input


def test_a_stack_without_jobs_says_so(cloud: Cloud, batchwright: Command) -> None:
    assert cloud

    assert batchwright("jobs", "--json").json == {"jobs": []}
    assert batchwright("jobs").out == "there are no jobs yet\n"


def test_results_brings_every_file_whole(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path
) -> None:
    mails.write_bytes(mails.read_bytes() + b'{"custom_id": "broken"\n')
    batchwright("submit", mails)
    (row,) = cloud.run()
    here = tmp_path / "new" / "folder"

    said = batchwright("results", row.job_id, "-o", here, "--json")

    assert said.code == 3
    places = said.json["results"]
    assert places.keys() == FILES | {"seal", "salt", "tree_0"}
    assert {*map(Path, places.values())} == {file for file in here.rglob("*") if file.is_file()}
    assert len(Path(places["output"]).read_bytes().splitlines()) == 5
    assert len(Path(places["errors"]).read_bytes().splitlines()) == 1
    assert json.loads(Path(places["problems"]).read_bytes())["line"] == 6
    assert json.loads(Path(places["receipt"]).read_bytes())["job_id"] == row.job_id


def test_a_folder_holds_the_files_of_one_job(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path
) -> None:
    batchwright("submit", mails)
    batchwright("submit", mails, "--again")
    first, second = cloud.run()
    here = tmp_path / "here"
    assert batchwright("results", first.job_id, "-o", here).code == 0
    before = {file: file.read_bytes() for file in here.rglob("*") if file.is_file()}

    said = batchwright("results", second.job_id, "-o", here)

    assert said.code == 2
    assert f"{here} holds the files of job {first.job_id}" in said.err
    assert {file: file.read_bytes() for file in here.rglob("*") if file.is_file()} == before
    (here / "output.jsonl").unlink()
    assert batchwright("results", first.job_id, "-o", here).code == 0
    assert (here / "output.jsonl").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"job_id": 1}'])
def test_what_is_no_receipt_stands_in_nobodys_way(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path, content: bytes
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()
    (tmp_path / "receipt.json").write_bytes(content)

    assert batchwright("results", row.job_id, "-o", tmp_path).code == 0

    assert json.loads((tmp_path / "receipt.json").read_bytes())["job_id"] == row.job_id


def test_people_see_counts_money_and_paths(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()

    said = batchwright("results", row.job_id, "-o", tmp_path / "out")

    assert said.code == 0
    assert "5: 5 succeeded" in said.out
    assert "$0.0000" in said.out
    assert f"{tmp_path}/out/output.jsonl\n" in said.out


def test_a_running_job_has_no_results_to_bring(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path
) -> None:
    batchwright("submit", mails)
    (admitted,) = cloud.admit()

    said = batchwright("results", admitted.job_id, "-o", tmp_path / "out")

    assert said.code == 4
    assert f"batchwright watch {admitted.job_id}" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", [None, b"", b"x", b"\n"])
def test_a_file_that_was_written_in_several_runs_is_checked_piece_by_piece(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path, damage: bytes | None
) -> None:
    cloud.close_seconds = 0.0
    batchwright("submit", mails)
    (row,) = cloud.run()
    key = f"results/{row.job_id}/output.jsonl"
    told = json.loads(cloud.objects.read(f"results/{row.job_id}/receipt.json"))["files"]
    assert told["output.jsonl"]["sha256"] is None
    assert len(told["output.jsonl"]["pieces"]) > 1
    content = cloud.objects.read(key)
    if damage is not None:
        cloud.objects.write(key, content[:-1] + damage + damage)

    said = batchwright("results", row.job_id, "-o", tmp_path / "out")

    assert said.code == (0 if damage is None else 4), said.err
    if damage is None:
        assert (tmp_path / "out" / "output.jsonl").read_bytes() == content


def test_a_file_that_is_not_what_the_receipt_says_is_not_brought(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()
    cloud.objects.write(f"results/{row.job_id}/output.jsonl", b"{}\n")

    said = batchwright("results", row.job_id, "-o", tmp_path / "out")

    assert said.code == 4
    assert "is not what the receipt says" in said.err
    assert not (tmp_path / "out" / "output.jsonl").exists()


def test_results_that_were_deleted_are_said_to_be_gone(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()
    cloud.objects._s3.delete_object(Bucket="box", Key=f"results/{row.job_id}/receipt.json")

    said = batchwright("results", row.job_id, "-o", tmp_path / "out")

    assert said.code == 4
    assert "ResultRetentionDays" in said.err


def test_a_folder_that_cannot_be_written_is_one_line(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()

    said = batchwright("results", row.job_id, "-o", mails / "below-a-file")

    assert said.code == 2
    assert said.err.startswith("batchwright: ")
    assert said.err.count("\n") == 1


CACHED = f"""
name: cached
routes: [{{model: "{MODEL}", max_tokens: 100, temperature: 0}}]
models: {{"*": "{MODEL}"}}
cache: {{exact: 7d}}
"""


def test_records_that_an_earlier_answer_stands_for_are_told(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    cloud.objects.write(contract_key("cached"), CACHED.encode())
    for again in ("", "--again"):
        batchwright("submit", mails, "--contract", "cached", *filter(None, [again]))
        (row,) = cloud.run()

    facts, lines = (batchwright("status", row.job_id, *flags) for flags in (["--json"], []))

    assert (facts.json["cached"], facts.json["calls"], facts.json["cost_usd"]) == (5, 0, 0.0)
    assert "5 records, without a call" in lines.out
    assert len(cloud.engine.calls) == 5


def test_what_prompt_caches_saved_is_told_where_they_saved_anything(
    cloud: Cloud, batchwright: Command, mails: Path
) -> None:
    def kept(request: Request, call: int) -> Completion:
        answer = echo(request, call)
        return replace(answer, usage=replace(answer.usage, cache_read_tokens=1_000_000))

    batchwright("submit", mails)
    (plain,) = cloud.run()
    cloud.engine.script = kept
    batchwright("submit", mails, "--again")
    (row,) = cloud.run()

    facts, lines = (batchwright("status", row.job_id, *flags) for flags in (["--json"], []))

    assert facts.json["saved_usd"] == pytest.approx(5 * 0.06 * 0.75)
    assert "$0.23, by 5,000,000 tokens from prompt caches" in " ".join(lines.out.split())
    assert "prompt caches" not in batchwright("status", plain.job_id).out
