"""A job's lane is chosen when it is planned, kept with its reasons, and told by its row and its receipt."""

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from batchwright.contract import default_contract
from batchwright.dialects import detect
from batchwright.job import Status
from batchwright.lines import lines
from batchwright.places import lane_key, submissions_key
from tests.fakes import MODEL
from tests.laptop import Laptop, chat_file, chat_line, converse_line, jsonl
from tests.samples import SAMPLES

SAMPLE_FILES = Path(__file__).parents[2] / "docs" / "samples"
DEAR = "us.amazon.nova-premier-v1:0"
FEW = 99
ANSWER = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
GUARDED = {"guardContent": {"text": {"text": "look at this"}}}
TOOL = {"name": "t", "description": "d", "inputSchema": {"json": {"type": "object"}}}


def laptop_with(lane: str, **said: Any) -> Laptop:
    laptop = Laptop(chunk_records=50, models=(DEAR,))
    # Dear enough that a batch of a hundred is worth the wait.
    route = {"model": DEAR, "tpm": 1_000_000, "max_tokens": 100_000}
    terms = {"name": "mails", "routes": [route], "models": {"*": DEAR}, "lane": lane, **said}
    laptop.put_contract("mails", json.dumps(terms))
    return laptop


def planned(laptop: Laptop, content: bytes) -> str:
    job_id = laptop.drop(content, "inbox/mails/file.jsonl")
    laptop.plan(job_id)
    return job_id


def runs_out_after(looks: int) -> Callable[[], float]:
    left = itertools.chain([900.0] * looks, itertools.repeat(0.0))
    return lambda: next(left)


def kept(laptop: Laptop, job_id: str, redrive: int = 0) -> Any:
    return json.loads(laptop.objects.read(lane_key(job_id, redrive)))


def test_the_choice_its_reasons_and_what_each_lane_costs_are_kept() -> None:
    laptop = laptop_with("auto")
    job_id = planned(laptop, chat_file(100))

    choice, row = kept(laptop, job_id), laptop.row(job_id)

    assert (row.status, row.lane) == (Status.RUNNING, "bedrock_batch")
    assert (choice["wish"], choice["lane"]) == ("auto", "bedrock_batch")
    assert choice["reasons"][0] == {"code": "price", "message": row.lane_reason, "line": None}
    costs = {lane: facts["cost_usd"] for lane, facts in choice["lanes"].items()}
    assert costs["on_demand"]["most"] == pytest.approx(2 * costs["bedrock_batch"]["most"])
    assert costs["flex"] is costs["sagemaker_async"] is None
    assert row.estimate is not None
    assert choice["totals"][DEAR]["input_tokens"] == row.estimate["input_tokens"]
    reserved = row.estimate["input_tokens"] + row.estimate["max_output_tokens"]
    assert choice["lanes"]["on_demand"]["minutes"] == reserved / 1_000_000


@pytest.mark.parametrize(
    ("lane", "records", "said", "found", "code"),
    [
        ("on_demand", 100, {}, "on_demand", "said"),
        ("flex", 100, {}, "flex", "said"),
        ("bedrock_batch", FEW, {}, "on_demand", "few_records"),
        ("auto", FEW, {}, "on_demand", "few_records"),
        ("auto", 100, {"deadline": "5h"}, "on_demand", "deadline"),
        ("bedrock_batch", 100, {"deadline": "5h"}, "bedrock_batch", "said"),
    ],
)
def test_count_and_deadline_decide(
    lane: str, records: int, said: dict[str, Any], found: str, code: str
) -> None:
    laptop = laptop_with(lane, **said)

    choice = kept(laptop, planned(laptop, chat_file(records)))

    assert (choice["lane"], choice["reasons"][0]["code"]) == (found, code)


def test_records_that_may_not_run_do_not_fill_a_batch() -> None:
    laptop = laptop_with("auto")

    job_id = planned(laptop, chat_file(FEW) + b"{broken\n" * 5)

    assert laptop.row(job_id).total == FEW + 5
    assert kept(laptop, job_id)["reasons"][0]["message"].startswith("there are 99 records")


def test_a_file_that_cannot_take_the_batch_of_its_contract_is_refused_with_the_line() -> None:
    laptop = laptop_with("bedrock_batch")
    asks = [converse_line(f"r{n}", "hello") for n in range(120)]
    asks[40]["modelInput"]["messages"][0]["content"].append(GUARDED)
    asks[60]["modelInput"]["toolConfig"] = {"tools": [{"toolSpec": TOOL}]}

    job_id = laptop.drop(jsonl(asks), "inbox/mails/file.jsonl")

    assert laptop.plan(job_id) == {"state": "refused", "reason": "lane_unsuitable"}
    reason = laptop.row(job_id).reason
    assert reason is not None
    assert reason.line == 41
    assert "1 of the records bring tools" in reason.message
    assert "messages[0].content[1].guardContent is not supported" in reason.message
    assert laptop.problems(job_id)[-1]["code"] == "lane_unsuitable"
    assert lane_key(job_id) not in laptop.objects.versions


def with_tools(places: Sequence[int], count: int = 120) -> list[dict[str, Any]]:
    """Lines of which some bring tools."""
    asks = [chat_line(f"r{n}", "hello") for n in range(count)]
    for place in places:
        asks[place]["body"]["tools"] = [{"type": "function", "function": {"name": "t"}}]
    return asks


def test_the_same_file_under_auto_runs_on_demand() -> None:
    laptop = laptop_with("auto")
    asks = with_tools([7])
    asks[9]["body"] |= {"response_format": ANSWER}

    choice = kept(laptop, planned(laptop, jsonl(asks)))

    assert choice["lane"] == "on_demand"
    assert choice["reasons"][0] | {"code": "tools", "line": 10} == choice["reasons"][0]
    told = "outputConfig: Nova's own words have no form for the answer"
    assert choice["needs"] == {
        "found": {
            "tools": {"records": 1, "line": 8},
            "words": {"records": 1, "line": 10, "told": told},
        }
    }


@pytest.mark.parametrize("places", [[0], [7], [0, 7, 119]])
@pytest.mark.parametrize("lane", ["auto", "bedrock_batch"])
def test_a_file_of_which_some_records_bring_tools_is_one_batch_in_its_models_own_words(
    lane: str, places: list[int]
) -> None:
    laptop = laptop_with(lane)

    job_id = planned(laptop, jsonl(with_tools(places)))

    choice, row = kept(laptop, job_id), laptop.row(job_id)
    (submission,) = laptop.objects.lines(submissions_key(job_id))
    assert choice["lane"] == row.lane == "bedrock_batch"
    assert json.loads(submission)["family"] == "nova"
    assert json.loads(submission)["records"] == row.total == 120
    assert choice["needs"]["found"]["tools"] == {"records": len(places), "line": places[0] + 1}


@pytest.mark.parametrize("lines", [[8, 3], [1, 3], [8, 1], [1, 120]])
def test_wherever_tools_come_each_record_was_tried_in_the_models_own_words(
    lines: list[int],
) -> None:
    laptop = laptop_with("bedrock_batch")
    tools, form = lines
    asks = with_tools([tools - 1])
    asks[form - 1]["body"] |= {"response_format": ANSWER}

    job_id = laptop.drop(jsonl(asks), "inbox/mails/file.jsonl")

    assert laptop.plan(job_id)["state"] == "refused"
    reason = laptop.row(job_id).reason
    assert reason is not None
    assert reason.line == form


def test_ids_that_come_twice_are_found_where_tools_come_late() -> None:
    laptop = laptop_with("auto")
    asks = with_tools([90])
    asks[50]["custom_id"] = "r7"

    job_id = planned(laptop, jsonl(asks))

    assert [problem["line"] for problem in laptop.problems(job_id)] == [51]
    assert kept(laptop, job_id)["lane"] == "bedrock_batch"
    assert kept(laptop, job_id)["needs"]["found"]["tools"] == {"records": 1, "line": 91}


def test_without_tools_converse_is_what_the_batch_is_asked_in() -> None:
    laptop = laptop_with("bedrock_batch")
    asks = with_tools([])
    asks[3]["body"] |= {"response_format": ANSWER}

    job_id = planned(laptop, jsonl(asks))

    (submission,) = laptop.objects.lines(submissions_key(job_id))
    assert "family" not in json.loads(submission)
    assert kept(laptop, job_id)["needs"] == {"found": {}}


def test_planning_in_several_runs_notes_the_same_needs() -> None:
    asks = with_tools([3, 1500], 2000)
    laptop = laptop_with("auto")
    job_id = laptop.drop(jsonl(asks), "inbox/mails/file.jsonl")
    runs = 0

    while laptop.plan(job_id, runs_out_after(100))["state"] == "more":
        runs += 1

    assert runs > 1
    assert kept(laptop, job_id)["needs"] == {"found": {"tools": {"records": 2, "line": 4}}}


def test_the_receipt_tells_the_lane_and_what_decided() -> None:
    laptop = laptop_with("auto")

    row = laptop.run(chat_file(3), "inbox/mails/file.jsonl")

    receipt = json.loads(laptop.objects.read(f"results/{row.job_id}/receipt.json"))
    assert (receipt["lane"], receipt["lane_reason"]) == ("on_demand", row.lane_reason)
    assert receipt["lane_reason"] == "there are 3 records, and a batch has 100 at least"


def test_a_redrive_chooses_by_what_it_asks_again() -> None:
    laptop = laptop_with("bedrock_batch")
    job_id = planned(laptop, chat_file(150))
    laptop.close(job_id, {"Error": "States.Timeout", "Cause": "x"})
    laptop.redrive(job_id)

    laptop.plan(job_id, redrive=1)

    choice = kept(laptop, job_id, 1)
    assert choice["totals"][DEAR]["records"] == 150
    assert choice["lane"] == laptop.row(job_id).lane == "bedrock_batch"


def test_a_redrive_of_a_file_with_tools_is_a_batch_in_the_same_words() -> None:
    laptop = laptop_with("bedrock_batch")
    job_id = planned(laptop, jsonl(with_tools([7], 150)))
    laptop.close(job_id, {"Error": "States.Timeout", "Cause": "x"})
    laptop.redrive(job_id)

    laptop.plan(job_id, redrive=1)

    (submission,) = laptop.objects.lines(submissions_key(job_id, 1))
    assert json.loads(submission)["family"] == "nova"


LINES = [name for name, each in SAMPLES.items() if each.contract == "default" and "jsonl" in name]


@pytest.mark.parametrize("name", LINES)
def test_a_record_is_known_to_bring_tools_where_its_request_does(name: str) -> None:
    read = [*lines([(SAMPLE_FILES / name).read_bytes()])]
    dialect = detect(read[0], default_contract((MODEL,)), SAMPLES[name].dialect)

    records = [dialect.read(line) for line in read if line.content]

    told = [record.tools for record in records if not record.native]
    asked = [
        "toolConfig" in dialect.request(record).body for record in records if not record.native
    ]
    assert told == asked
    assert ("tools" in name) == any(told)
