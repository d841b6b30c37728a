"""The faults of the acceptance list that stand nowhere else: in memory, or on a real bucket and table.

``FAULTS`` names the tests of every fault that a job on the on-demand lane can meet, wherever in the suite they are.
"""

import ast
import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

import functions.admit
from batchwright.aws.clock import SystemClock
from batchwright.aws.jobs import DynamoDBJobs
from batchwright.completion import Completion
from batchwright.errors import Missing, ServiceFault
from batchwright.job import JobRow, Reason, Status
from batchwright.logwriter import FLUSH_OUTCOMES
from batchwright.outcome import Tally
from batchwright.request import Request
from batchwright.steps.admit import Admitted, World, admit
from tests import timelapse
from tests.chaos.bed import TABLE, Bed
from tests.chaos.proxy import Fault, FaultProxy, proxied
from tests.fakes import (
    MODEL,
    NOON,
    SALT,
    ListedEvents,
    ListedLedger,
    ListedWorkflows,
    ScriptedEngine,
    StoppedClock,
    echo,
    texts_of,
)
from tests.functions.conftest import Context, forget
from tests.lanefakes import ListedTasks, MemorySlots, MemorySubmissions
from tests.laptop import Laptop, chat_file, chat_line, jsonl, song

TESTS = Path(__file__).parents[1]
ENDINGS = {"succeeded", "failed", "blocked", "review", "expired", "cancelled"}

ADMIT, PLAN, INVOKE = "unit/test_admit.py", "unit/test_plan.py", "unit/test_invoke.py"
ASKING, CLOSE, LOG = "unit/test_asking.py", "unit/test_close.py", "unit/test_chunklog.py"
DEATHS, LINES = "unit/test_invoke_deaths.py", "unit/test_lines.py"
ENGINE, BUDGETS = "contract/test_bedrock_engine.py", "contract/test_budgets.py"
JOBS, BAD_INPUT, LOST = (
    "system/test_jobs.py",
    "system/test_bad_input.py",
    "system/test_lost_workers.py",
)
KILLS, REPLIES, HERE = (
    "chaos/test_kills.py",
    "chaos/test_lost_replies.py",
    "chaos/test_faults.py",
)
CRASHES, REDRIVE, CANCEL = (
    "chaos/test_crash_points.py",
    "system/test_redrive.py",
    "system/test_cancel.py",
)
COLLECT, BATCH_LANE = "unit/test_collect.py", "unit/test_batch_lane.py"
VERIFYING = "unit/test_verifying.py"
KILLED = (KILLS, "test_whenever_workers_are_killed_every_record_has_one_outcome")
CRASHED = (CRASHES, "test_a_kill_at_any_effect_breaks_no_law")

# By the number in the list: file and test. 33, 34 and 42 come with what they are about: filters, the endpoints' lane.
FAULTS: Mapping[str, list[tuple[str, str]]] = {
    "1 the same event twice, fifty times at once": [
        (ADMIT, "test_the_same_event_twice_is_one_job"),
        (HERE, "test_fifty_deliveries_of_one_event_at_once_are_one_job"),
        (JOBS, "test_the_same_file_twice_is_one_job_and_is_paid_once"),
    ],
    "2 events out of order": [(HERE, "test_events_that_overtake_each_other_run_each_version_once")],
    "3 an object overwritten before it is read": [
        (BAD_INPUT, "test_an_object_that_was_overwritten_before_it_was_read_runs_in_both_versions"),
        (ADMIT, "test_other_bytes_at_the_same_key_are_another_job_and_both_run"),
    ],
    "4 an object deleted before it is read": [
        (ADMIT, "test_a_file_that_was_deleted_before_it_was_read_is_refused"),
        (PLAN, "test_a_file_that_is_gone_when_it_is_planned_is_refused"),
        (HERE, "test_a_file_that_is_deleted_while_its_job_runs_ends_every_record"),
        (BAD_INPUT, "test_an_object_that_was_deleted_before_it_was_read_is_refused"),
    ],
    "5 keys of every kind": [
        (ADMIT, "test_keys_of_every_kind_are_found_in_both_shapes_of_event"),
        (BAD_INPUT, "test_a_key_of_any_kind_is_read_as_it_is"),
    ],
    "6 forged, foreign and test events": [
        (ADMIT, "test_what_wishes_for_nothing_makes_no_job"),
        (ADMIT, "test_a_message_that_cannot_be_a_job_ends_as_a_refused_one"),
    ],
    "7 empty files, blank lines, byte order marks, line ends": [
        (PLAN, "test_every_way_to_end_a_line_and_to_begin_a_file_is_read"),
        (PLAN, "test_a_file_that_may_not_run_is_refused_before_any_call"),
        (BAD_INPUT, "test_a_file_with_odd_line_ends_runs"),
    ],
    "8 bad rows": [
        (PLAN, "test_bad_lines_are_told_with_their_numbers_and_the_good_ones_run"),
        (BAD_INPUT, "test_a_broken_line_among_good_ones_fails_alone_with_its_number"),
    ],
    "9 a line too long": [
        (PLAN, "test_a_line_too_long_to_be_read_fails_alone_and_is_never_fetched"),
        (LINES, "test_a_line_over_the_limit_is_dropped_and_the_next_one_is_read"),
    ],
    "10 bombs and broken archives": [
        (PLAN, "test_a_bomb_is_refused_before_any_call"),
        ("unit/test_compressed.py", "test_a_file_that_is_cut_off_is_refused"),
        ("unit/test_compressed.py", "test_a_bomb_ends_early"),
    ],
    "11 odd JSON": [
        (PLAN, "test_no_odd_record_stops_the_others"),
        ("unit/test_fuzzing.py", "test_whatever_befalls_a_file_is_foreseen"),
        (HERE, "test_json_at_its_limits_fails_alone"),
    ],
    "12 the same id twice in a file": [
        (PLAN, "test_ids_that_occur_again_and_again_are_each_told_with_the_first_line"),
    ],
    "13 the same file again": [
        (ADMIT, "test_the_same_bytes_dropped_again_find_the_job_that_stands"),
        ("cli/test_submit.py", "test_a_file_dropped_twice_is_uploaded_once_and_is_one_job"),
    ],
    "14 one key, two payloads": [
        (ADMIT, "test_other_bytes_at_the_same_key_are_another_job_and_both_run"),
        (HERE, "test_one_message_id_with_other_words_is_another_job"),
    ],
    "15 killed before the claim": [KILLED, CRASHED],
    "16 killed after the claim, before the model": [KILLED, CRASHED],
    "17 killed after the model, before the write": [
        KILLED,
        CRASHED,
        (DEATHS, "test_what_others_had_answered_is_not_asked_again_but_for_what_was_in_flight"),
    ],
    "18 killed after the write, before its reply": [
        KILLED,
        CRASHED,
        (REPLIES, "test_a_connection_that_breaks_after_the_write_doubles_nothing"),
    ],
    "19 killed after the commit": [KILLED, CRASHED, (INVOKE, "test_a_settled_chunk_is_not_asked_again")],
    "20 a zombie that succeeds": [
        KILLED,
        (CRASHES, "test_a_second_process_at_any_effect_of_the_first_breaks_no_law"),
        ("chaos/test_chunk_log_model.py", "test_no_schedule_loses_doubles_or_changes_an_outcome"),
        (LOG, "test_a_zombie_that_was_overtaken_twice_adds_only_what_is_still_open"),
        (HERE, "test_a_zombie_stops_asking_when_it_sees_what_is_settled"),
        (HERE, "test_a_zombie_leaves_the_chunk_to_its_successor"),
        (CLOSE, "test_a_worker_that_is_late_after_the_close_changes_nothing"),
    ],
    "21 a zombie that fails": [(HERE, "test_a_zombie_that_fails_changes_nothing_that_stands")],
    "22 a worker whose time is up": [
        (INVOKE, "test_what_was_answered_before_the_time_was_up_is_kept_and_the_rest_is_left"),
        (JOBS, "test_a_worker_whose_time_is_up_is_followed_by_another"),
    ],
    "23 a part of the messages fails": [
        (HERE, "test_three_of_ten_messages_fail_and_only_these_come_back"),
        ("functions/test_handlers.py", "test_only_the_messages_that_aws_failed_come_back"),
    ],
    "24 a record that kills": [
        (DEATHS, "test_a_record_that_kills_its_worker_fails_alone_and_the_rest_goes_on"),
        (DEATHS, "test_three_records_that_kill_are_all_isolated"),
    ],
    "25 finished messages come back from the dead-letter queue": [
        (ADMIT, "test_a_job_that_has_ended_is_not_started_again"),
        (HERE, "test_messages_of_jobs_that_have_ended_make_no_call"),
        (REDRIVE, "test_a_dead_letter_that_is_moved_back_after_its_job_ended_asks_nothing"),
        (REDRIVE, "test_a_redrive_whose_message_comes_again_asks_nothing"),
    ],
    "26 throttles": [
        (ASKING, "test_throttles_are_waited_out_however_many"),
        (JOBS, "test_throttles_lose_nothing"),
        (JOBS, "test_a_model_that_only_throttles_is_waited_for_by_the_workflow"),
    ],
    "27 an overloaded service, Retry-After": [
        (ASKING, "test_retry_after_is_honoured"),
        (ASKING, "test_a_long_retry_after_is_waited_for_by_the_workflow"),
        (ASKING, "test_a_worker_without_any_answer_rests"),
    ],
    "28 time-outs, cut and reset connections": [
        (ENGINE, "test_a_call_without_a_whole_answer_is_ambiguous_and_is_made_once"),
        (ASKING, "test_calls_without_a_whole_answer_are_bounded_and_counted"),
    ],
    "29 answers that are none": [
        (ENGINE, "test_an_empty_answer_that_boto3_lets_pass_is_malformed"),
        (ENGINE, "test_nothing_half_is_an_answer"),
        (ASKING, "test_only_what_is_known_to_be_an_answer_is_one"),
    ],
    "30 answers that ended otherwise": [
        (ASKING, "test_a_cut_answer_is_asked_for_once_more_with_twice_the_limit"),
        (ASKING, "test_an_answer_that_is_cut_twice_ends_the_record"),
        (JOBS, "test_a_record_that_the_model_refuses_fails_alone"),
    ],
    "31 one record refused, or all": [
        (JOBS, "test_a_record_that_the_model_refuses_fails_alone"),
        (JOBS, "test_a_model_that_may_not_be_asked_stops_the_job_with_one_reason"),
        (INVOKE, "test_a_denied_model_stops_the_job_with_one_reason"),
    ],
    "35 answers of every size": [
        (HERE, "test_an_answer_larger_than_any_message_goes_through_the_bucket"),
        (ASKING, "test_an_empty_answer_is_none"),
    ],
    "36 DynamoDB on a bad day": [
        (REPLIES, "test_a_throttled_table_is_asked_again"),
        (REPLIES, "test_a_table_that_stays_away_is_unavailable_and_the_workflow_waits"),
        (REPLIES, "test_a_storm_of_failed_conditions_leaves_the_row_that_is_further"),
        (REPLIES, "test_a_change_whose_reply_was_lost_is_made_once_and_stands"),
        (REPLIES, "test_a_job_whose_row_was_written_and_the_reply_lost_is_started_all_the_same"),
        (BUDGETS, "test_transactions_that_meet_others_are_tried_again_under_their_token"),
    ],
    "37 S3 on a bad day": [
        (REPLIES, "test_a_slow_bucket_is_asked_again"),
        (REPLIES, "test_two_conditional_writes_that_meet_are_told_apart_at_the_next_try"),
        (REPLIES, "test_a_segment_whose_reply_was_lost_is_known_as_ones_own"),
        (
            REPLIES,
            "test_a_segment_that_another_worker_wrote_meanwhile_stands_and_ours_follows",
        ),
        (REPLIES, "test_a_read_that_breaks_each_time_is_no_segment_and_no_end_of_the_log"),
        (REPLIES, "test_a_segment_whose_bytes_were_changed_stops_who_reads_it"),
    ],
    "38 rows whose time is over, still there": [
        (HERE, "test_a_row_whose_time_is_over_is_as_good_as_gone_though_it_is_still_there"),
    ],
    "39 clocks that differ": [
        (HERE, "test_workers_whose_clocks_differ_by_minutes_settle_every_record_once"),
    ],
    "41 the workflow fails, or runs again": [
        (CLOSE, "test_a_job_whose_workflow_failed_closes_with_what_it_has"),
        (HERE, "test_a_workflow_that_runs_again_calls_nobody"),
        ("unit/test_sweep.py", "test_a_workflow_that_ended_without_closing_is_taken_up_three_times"),
        (LOST, "test_a_job_whose_workers_are_killed_again_and_again_completes_by_the_workflows_retries"),
    ],
    "43 Bedrock batch: partial, reordered, missing or extra recordIds, expired": [
        (COLLECT, "test_the_outputs_of_every_batch_that_ended_are_read_and_the_rest_is_asked"),
        (COLLECT, "test_what_a_batch_left_fails_where_the_contract_says_so"),
        (COLLECT, "test_missing_doubled_and_foreign_lines_are_seen_and_every_record_has_one_outcome"),
        (BATCH_LANE, "test_whatever_a_batch_does_every_record_has_one_outcome_and_no_other_ones_answer"),
        ("chaos/test_lane_crash_points.py", "test_a_kill_at_any_effect_breaks_no_law"),
        ("system/test_batch_lane.py", "test_what_a_batch_leaves_is_asked_on_demand"),
    ],
    "44 audit: flip, drop, reorder, truncate, replay, race, fork": [
        (VERIFYING, "test_no_bit_of_any_file_can_be_flipped"),
        (VERIFYING, "test_a_line_that_was_touched_is_told_by_its_record"),
        (VERIFYING, "test_an_answer_that_was_changed_is_found_however_far_the_forger_goes"),
        (VERIFYING, "test_an_old_checkpoint_does_not_cover_a_later_end"),
        (VERIFYING, "test_a_truncated_ledger_is_told_by_a_checkpoint"),
        (VERIFYING, "test_a_forked_ledger_is_told_by_the_checkpoint_of_the_other_branch"),
        ("contract/test_ledger.py", "test_of_many_closers_at_once_each_has_its_place"),
    ],
    "a job that is cancelled midway": [
        (CANCEL, "test_a_job_that_is_cancelled_midway_stops_its_calls_and_publishes"),
        (CANCEL, "test_a_cancelled_job_is_redriven_and_asks_no_success_again"),
    ],
    "a budget that ends midway": [
        ("unit/test_purse.py", "test_a_job_stops_before_its_budget_is_passed_and_keeps_what_it_paid_for"),
        ("unit/test_purse.py", "test_many_workers_never_spend_more_than_the_budget_and_give_all_of_it_back"),
        ("unit/test_purse.py", "test_where_dead_workers_hold_the_money_the_job_ends_with_what_is_left_and_says_so"),
        ("unit/test_stopped_chunks.py", "test_a_budget_that_ends_in_one_chunk_throws_away_no_answer_of_another"),
    ],
    "everything at once": [
        ("chaos/test_everything_at_once.py", "test_the_laws_hold_whatever_happens_in_whatever_order"),
    ],
    "two jobs with the same ids": [(HERE, "test_two_jobs_with_the_same_ids_do_not_meet")],
    "a contract that changes midway": [
        (ADMIT, "test_a_changed_contract_does_not_change_a_job_that_was_admitted"),
    ],
    "new code is deployed midway": [
        (HERE, "test_code_that_is_deployed_midway_and_cuts_otherwise_keeps_the_plan_that_stands"),
    ],
    "a record that would write into a log": [
        ("functions/test_handlers.py", "test_no_text_of_a_record_is_ever_logged"),
    ],
    "a right that is taken away": [
        ("system/test_rights.py", "test_a_step_without_a_right_fails_closed"),
    ],
    "no worker may run": [
        (LOST, "test_a_stack_whose_workers_are_switched_off_waits_and_spends_nothing"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_tests_that_are_there(fault: str) -> None:
    assert FAULTS[fault]
    for file, name in FAULTS[fault]:
        assert name in named_in(TESTS / file), f"{file} has no {name}"


def named_in(file: Path) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)}


def planned(laptop: Laptop, content: bytes, key: str = "inbox/file.jsonl") -> str:
    job_id = laptop.drop(content, key)
    assert laptop.plan(job_id)["state"] == "done"
    return job_id


def run_chunks(laptop: Laptop, job_id: str) -> None:
    for chunk in laptop.chunks(job_id):
        assert timelapse.run(laptop.invoke(chunk)) == {"state": "done"}


def adds_up(row: JobRow) -> bool:
    counts = row.counts()
    return counts["pending"] == 0 and counts["total"] == sum(counts[each] for each in ENDINGS)


# ---- The door ----------------------------------------------------------------------------------


def at_the_door(bed: Bed, workflows: ListedWorkflows) -> World:
    return World(
        objects=bed.objects,
        jobs=bed.jobs,
        workflows=workflows,
        events=ListedEvents(),
        clock=SystemClock(),
        models=(MODEL,),
        key="",
        ledger=ListedLedger(),
        submissions=MemorySubmissions(),
        slots=MemorySlots(lambda: 0.0),
        tasks=ListedTasks(),
        new_salt=lambda: SALT,
    )


def test_fifty_deliveries_of_one_event_at_once_are_one_job(bed: Bed) -> None:
    bed.objects.write("inbox/fifty.jsonl", chat_file(1))
    workflows = ListedWorkflows()
    body = json.dumps({"input": f"s3://{bed.objects.bucket}/inbox/fifty.jsonl"})

    def deliver(number: int) -> list[Admitted]:
        return admit(body, f"message-{number}", at_the_door(bed, workflows))

    with ThreadPoolExecutor(50) as doors:
        admitted = [each for told in doors.map(deliver, range(50)) for each in told]

    assert len(admitted) == 50
    assert len({each.job_id for each in admitted}) == 1
    assert sum(each.new for each in admitted) == 1
    assert set(workflows.started) == {admitted[0].job_id}


def test_events_that_overtake_each_other_run_each_version_once() -> None:
    laptop = Laptop()
    laptop.objects.write("inbox/file.jsonl", chat_file(1))
    older = laptop.event("inbox/file.jsonl")
    laptop.objects.write("inbox/file.jsonl", chat_file(2))
    newer = laptop.event("inbox/file.jsonl")

    job_ids = [laptop.say(event) for event in (newer, older, newer, older)]

    assert job_ids[:2] == job_ids[2:]
    assert len(set(job_ids)) == 2
    assert [laptop.finish(job_id).total for job_id in job_ids[:2]] == [2, 1]


def test_one_message_id_with_other_words_is_another_job() -> None:
    laptop = Laptop()

    one = laptop.say({"records": [chat_line("a", "one")]}, "message-1")
    other = laptop.say({"records": [chat_line("a", "other")]}, "message-1")

    assert one != other


def test_three_of_ten_messages_fail_and_only_these_come_back(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxied(bed.cloud.url("ministack")) as proxy:
        at_the_functions(bed, proxy, monkeypatch)
        denied = Fault(
            path=r"/part-[257]\.jsonl", forward=False, status=403, code="AccessDenied", times=None
        )
        proxy.add(denied)
        for number in range(10):
            bed.objects.write(f"inbox/part-{number}.jsonl", chat_file(1))
        bodies = [{"input": f"s3://{bed.objects.bucket}/inbox/part-{n}.jsonl"} for n in range(10)]
        messages = [
            {"messageId": f"message-{number}", "eventSource": "aws:sqs", "body": json.dumps(body)}
            for number, body in enumerate(bodies)
        ]

        answer = functions.admit.handler({"Records": messages}, Context())

    forget()
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == ["message-2", "message-5", "message-7"]
    inputs = {row.input for row in bed.jobs.recent(100)}
    assert {body["input"] for n, body in enumerate(bodies) if n not in {2, 5, 7}} <= inputs


def at_the_functions(bed: Bed, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the functions in this process a cloud behind a proxy."""
    environment = {**bed.environment(in_flight=8), "STATE_MACHINE_ARN": state_machine(bed)}
    for name, value in {**environment, "AWS_ENDPOINT_URL": proxy.url}.items():
        if name not in {"PATH", "PYTHONPATH"}:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    forget()


def state_machine(bed: Bed) -> str:
    ends = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    role = bed.cloud.client("iam").create_role(RoleName="job", AssumeRolePolicyDocument="{}")
    made = bed.cloud.client("stepfunctions").create_state_machine(
        name="job", definition=json.dumps(ends), roleArn=role["Role"]["Arn"]
    )
    return str(made["stateMachineArn"])


def test_messages_of_jobs_that_have_ended_make_no_call() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine)
    laptop.objects.write("inbox/file.jsonl", chat_file(5))
    event = laptop.event("inbox/file.jsonl")
    before = laptop.finish(laptop.say(event))

    again = laptop.say(event, "from the dead-letter queue")

    assert again == before.job_id
    assert laptop.workflows.started == [before.job_id]
    assert laptop.row(again) == before
    assert len(engine.calls) == 5


# ---- The file ----------------------------------------------------------------------------------


TAGS = f"""
name: tags
routes: [{{engine: bedrock, model: "{MODEL}", max_tokens: 50}}]
prompt: {{user: "{{{{ text }}}}"}}
"""
TABLE_OF_TEN = b"id,text\n" + b"".join(b"%d,say\n" % number for number in range(10))


@pytest.mark.parametrize(
    ("key", "content"),
    [("inbox/file.jsonl", chat_file(10)), ("inbox/tags/file.csv", TABLE_OF_TEN)],
)
def test_a_file_that_is_deleted_while_its_job_runs_ends_every_record(
    key: str, content: bytes
) -> None:
    laptop = Laptop(chunk_records=5)
    laptop.put_contract("tags", TAGS)
    job_id = planned(laptop, content, key)
    first, second = laptop.chunks(job_id)
    assert timelapse.run(laptop.invoke(first)) == {"state": "done"}
    laptop.objects.versions[key].clear()

    with pytest.raises(Missing):
        timelapse.run(laptop.invoke(second))
    laptop.close(job_id, {"Error": "Missing", "Cause": "the object is not there"})

    row = laptop.row(job_id)
    assert row.status is Status.INCOMPLETE
    assert adds_up(row)
    assert row.counts()["succeeded"] == 5
    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert [each["index"] for each in outcomes] == [*range(10)]
    assert {each["error"]["code"] for each in outcomes[5:]} == {"input_missing"}


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="depth"),
        pytest.param(b"9" * 5000, id="digits"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"-Infinity", id="infinity"),
        pytest.param(b'"\\ud800"', id="lone surrogate"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate in bytes"),
        pytest.param('"é"'.encode("utf-16"), id="UTF-16"),
    ],
)
def test_json_at_its_limits_fails_alone(odd: bytes) -> None:
    laptop = Laptop()
    line = jsonl([chat_line("odd", "x", metadata="@")]).replace(b'"@"', odd)

    row = laptop.run(chat_file(2) + line)

    assert adds_up(row)
    assert row.counts()["total"] == 3
    output = laptop.results(row.job_id, "output.jsonl")
    assert [each["custom_id"] for each in output][:2] == ["req-0", "req-1"]


def test_two_jobs_with_the_same_ids_do_not_meet() -> None:
    laptop = Laptop()
    contents = [jsonl([chat_line("same", text)]) for text in ("one", "other")]

    rows = [laptop.run(content, f"inbox/{n}.jsonl") for n, content in enumerate(contents)]

    said = [laptop.results(row.job_id, "output.jsonl")[0]["response"]["body"] for row in rows]
    assert [each["choices"][0]["message"]["content"] for each in said] == ["one", "other"]


# ---- The worker --------------------------------------------------------------------------------


class Frozen(ScriptedEngine):
    """Answers nobody until it is woken, and then with a fault."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.expected = expected
        self.all_asked, self.woken = asyncio.Event(), asyncio.Event()

    async def ask(self, request: Request, **rest: Any) -> Completion:
        await super().ask(request, **rest)
        if len(self.calls) == self.expected:
            self.all_asked.set()
        await self.woken.wait()
        raise ServiceFault("the service failed")


async def test_a_zombie_that_fails_changes_nothing_that_stands() -> None:
    frozen = Frozen(10)
    laptop = Laptop(engine=frozen)
    job_id = planned(laptop, chat_file(10))
    (chunk,) = laptop.chunks(job_id)
    zombie = asyncio.create_task(laptop.invoke(chunk, in_flight=10))
    await frozen.all_asked.wait()
    laptop.engine = ScriptedEngine()
    assert await laptop.invoke(chunk) == {"state": "done"}

    frozen.woken.set()
    assert await zombie == {"state": "done"}

    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.counts()["succeeded"] == 10
    assert row.tally.calls == 10 + len(frozen.calls)


class Slept(ScriptedEngine):
    """Answers nobody until it is woken."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.woken = asyncio.Event(), asyncio.Event()

    async def ask(self, request: Request, **rest: Any) -> Completion:
        self.asked.set()
        await self.woken.wait()
        await asyncio.sleep(0.01)
        return await super().ask(request, **rest)


async def test_a_zombie_stops_asking_when_it_sees_what_is_settled() -> None:
    asleep = Slept()
    laptop = Laptop(engine=asleep, chunk_records=1000)
    job_id = planned(laptop, chat_file(1000))
    (chunk,) = laptop.chunks(job_id)
    zombie = asyncio.create_task(laptop.invoke(chunk, in_flight=10))
    await asleep.asked.wait()
    laptop.engine = ScriptedEngine()
    assert await laptop.invoke(chunk) == {"state": "done"}

    asleep.woken.set()
    assert await zombie == {"state": "done"}

    assert len(asleep.calls) <= 2 * FLUSH_OUTCOMES, "until its first write it cannot know"


async def test_a_zombie_leaves_the_chunk_to_its_successor() -> None:
    asleep, awake = Slept(), Slept()
    awake.woken.set()
    laptop = Laptop(engine=asleep, chunk_records=1000)
    job_id = planned(laptop, chat_file(1000))
    (chunk,) = laptop.chunks(job_id)
    zombie = asyncio.create_task(laptop.invoke(chunk, in_flight=10))
    await asleep.asked.wait()
    laptop.engine = awake
    successor = asyncio.create_task(laptop.invoke(chunk, in_flight=10))
    await awake.asked.wait()

    asleep.woken.set()  # from here on both work on the same records, one as fast as the other

    assert await zombie == {"state": "more"}
    assert await successor == {"state": "done"}
    assert len(asleep.calls) <= 2 * FLUSH_OUTCOMES
    laptop.close(job_id)
    assert laptop.row(job_id).counts()["succeeded"] == 1000
    assert laptop.row(job_id).tally.calls == len(asleep.calls) + len(awake.calls)


async def test_workers_whose_clocks_differ_by_minutes_settle_every_record_once() -> None:
    laptop = Laptop(chunk_records=200)
    job_id = planned(laptop, chat_file(200))
    (chunk,) = laptop.chunks(job_id)
    working = []
    for minutes in (-5, 0, 5):
        laptop.clock = StoppedClock(NOON + timedelta(minutes=minutes))
        working.append(asyncio.create_task(laptop.invoke(chunk)))
        await asyncio.sleep(0)

    assert [await each for each in working] == [{"state": "done"}] * 3

    laptop.close(job_id)
    assert laptop.row(job_id).counts()["succeeded"] == 200


def test_an_answer_larger_than_any_message_goes_through_the_bucket() -> None:
    sizes = {song(0): 300_000, song(1): 500_000, song(2): 2_000_000}

    def at_length(request: Request, _call: int) -> Completion:
        said = echo(request)
        size = sizes[texts_of(request)[-1]]
        return Completion(
            content=[{"text": "x" * size}],
            stop_reason="end_turn",
            usage=said.usage,
            latency_ms=5,
            request_id="request-1",
        )

    laptop = Laptop(engine=ScriptedEngine(at_length))
    job_id = planned(laptop, chat_file(3))
    (chunk,) = laptop.chunks(job_id)

    answer = timelapse.run(laptop.invoke(chunk))
    closed = laptop.close(job_id)

    assert len(json.dumps([answer, closed])) < 1000
    lines = laptop.results(job_id, "output.jsonl")
    said = [line["response"]["body"]["choices"][0]["message"]["content"] for line in lines]
    assert [len(text) for text in said] == [*sizes.values()]


# ---- The workflow and the table ----------------------------------------------------------------


def test_a_workflow_that_runs_again_calls_nobody() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine)
    job_id = planned(laptop, chat_file(30))
    run_chunks(laptop, job_id)

    laptop.plan(job_id)
    run_chunks(laptop, job_id)
    laptop.close(job_id)
    closed = laptop.row(job_id)
    receipt = laptop.results(job_id, "outcomes.jsonl")
    run_chunks(laptop, job_id)
    laptop.close(job_id)

    assert len(engine.calls) == 30
    assert laptop.row(job_id) == closed
    assert laptop.results(job_id, "outcomes.jsonl") == receipt


def test_code_that_is_deployed_midway_and_cuts_otherwise_keeps_the_plan_that_stands() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine, chunk_records=10)
    job_id = planned(laptop, chat_file(30))
    first, *rest = before = laptop.chunks(job_id)
    assert timelapse.run(laptop.invoke(first)) == {"state": "done"}

    laptop.chunk_records = 7
    laptop.plan(job_id)

    assert laptop.chunks(job_id) == before
    for chunk in rest:
        assert timelapse.run(laptop.invoke(chunk)) == {"state": "done"}
    laptop.close(job_id)
    assert laptop.row(job_id).counts()["succeeded"] == len(engine.calls) == 30


def test_a_row_whose_time_is_over_is_as_good_as_gone_though_it_is_still_there(bed: Bed) -> None:
    client = bed.cloud.client("dynamodb")
    over = DynamoDBJobs(client, TABLE, life=timedelta(seconds=-1))
    now = DynamoDBJobs(client, TABLE)
    at = SystemClock().now().isoformat()
    old = JobRow(
        job_id="over", status=Status.FAILED, created_at=at, updated_at=at, contract="default"
    )
    assert over.add(old)
    over.stop("over", Reason(code="deadline", message="old"))
    over.report_chunk("over", 0, 9, Tally(calls=9))

    assert now.get("over") is None
    assert now.stop_reason("over") is None
    assert now.progress("over").calls == 0
    assert now.reported_at("over") is None
    again = JobRow(
        job_id="over", status=Status.RECEIVED, created_at=at, updated_at=at, contract="default"
    )
    assert now.add(again)
    assert not now.add(old)
    now.stop("over", Reason(code="access_denied", message="new"))
    now.report_chunk("over", 0, 1, Tally(calls=1))

    assert now.get("over") == again
    assert now.stop_reason("over") == Reason(code="access_denied", message="new")
    assert now.progress("over").calls == 1
