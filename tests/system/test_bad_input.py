"""What users do wrong ends in a right result or a clear refusal; the queue is never stuck, the DLQ stays empty."""

import json

import pytest

from batchwright.job import JobRow, Status
from tests.fakes import MODEL
from tests.laptop import chat_file, chat_line, jsonl
from tests.system.stack_under_test import StackUnderTest, until


def refused(row: JobRow, code: str, line: int | None = None) -> None:
    assert row.status is Status.FAILED
    assert row.reason is not None
    assert (row.reason.code, row.reason.line) == (code, line)
    assert row.counts()["total"] == 0


@pytest.mark.parametrize(
    ("name", "content", "code", "line"),
    [
        ("empty", b"", "empty_file", None),
        ("blank", b"\n\r\n   \n", "empty_file", None),
        ("unknown", b"hello there\n", "unknown_dialect", 1),
        ("other-json", b'{"hello": "there"}\n', "unknown_dialect", 1),
        ("broken", b'{"custom_id": \n', "invalid_json_line", 1),
        ("utf-16", '{"a": 1}\n'.encode("utf-16"), "unsupported_encoding", 1),
    ],
)
def test_a_file_that_cannot_run_is_refused_with_a_code_and_a_receipt(
    stack: StackUnderTest, name: str, content: bytes, code: str, line: int | None
) -> None:
    row = stack.run(f"inbox/refused-{name}", content)

    refused(row, code, line)
    assert row.results is not None
    (problem,) = stack.lines(row.results["problems"])
    assert (problem["code"], problem["line"]) == (code, line)
    receipt = stack.s3.get_object(Bucket=stack.bucket, Key=row.results["receipt"])["Body"].read()
    assert json.loads(receipt)["status"] == "failed"
    assert stack.calls() == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mark", b"\xef\xbb\xbf" + chat_file(3)),
        ("crlf", chat_file(3).replace(b"\n", b"\r\n")),
        ("no-final-line-end", chat_file(3).rstrip()),
        ("blank-between", chat_file(3).replace(b"\n", b"\n\n\r\n")),
    ],
)
def test_a_file_with_odd_line_ends_runs(stack: StackUnderTest, name: str, content: bytes) -> None:
    assert stack.run(f"inbox/odd-{name}", content).counts()["succeeded"] == 3


def test_a_broken_line_among_good_ones_fails_alone_with_its_number(stack: StackUnderTest) -> None:
    content = chat_file(2) + b'{"custom_id": "x"\n' + jsonl([chat_line("last", "hi", n=2)])

    row = stack.run("inbox/one-broken.jsonl", content)

    assert row.status is Status.COMPLETED
    errors = stack.results(row, "errors")
    assert [(line["error"]["line"], line["error"]["code"]) for line in errors] == [
        (3, "invalid_json_line"),
        (4, "invalid_request"),
    ]
    assert row.counts()["succeeded"] == 2


@pytest.mark.parametrize(
    "key",
    [
        "inbox/a file of mails.jsonl",
        "inbox/a+b.jsonl",
        "inbox/a%2Bb.jsonl",
        "inbox/été é.jsonl",
        "inbox/default/../up.jsonl",
        "inbox/default//double.jsonl",
        "inbox/default/deep/er/a.jsonl",
        "inbox/line\u2028separator.jsonl",
    ],
)
def test_a_key_of_any_kind_is_read_as_it_is(stack: StackUnderTest, key: str) -> None:
    row = stack.run(key, jsonl([chat_line("a", f"from {key}")]))

    assert row.counts()["succeeded"] == 1
    assert row.results is not None
    assert all(place.split("/")[1] == row.job_id for place in row.results.values())


def test_an_unknown_contract_is_refused_and_says_what_to_do(stack: StackUnderTest) -> None:
    row = stack.run("inbox/nobody-wrote-it/a.jsonl", chat_file(1))

    refused(row, "contract_not_found")
    assert row.reason is not None
    assert "contract put nobody-wrote-it.yaml" in row.reason.message


def test_a_contract_that_does_not_read_is_refused_with_the_path(stack: StackUnderTest) -> None:
    stack.put_contract("crooked", "name: crooked\nroutes: [{model: x, max_tokens: -1}]\n")

    row = stack.run("inbox/crooked/a.jsonl", chat_file(1))

    refused(row, "contract_invalid")
    assert row.reason is not None
    assert "routes.0.max_tokens" in row.reason.message


@pytest.mark.parametrize("where", ["in-the-contract", "in-the-file"])
def test_a_model_that_is_not_allowed_is_refused(stack: StackUnderTest, where: str) -> None:
    model = "us.anthropic.claude-opus-4-20250514-v1:0"
    named = model if where == "in-the-contract" else MODEL
    text = f"name: {where}\nroutes: [{{model: '{named}'}}]\nmodels: {{'*': '{named}'}}\n"
    stack.put_contract("in-the-contract", text)
    folder = "in-the-contract" if where == "in-the-contract" else "default"

    row = stack.run(f"inbox/{folder}/opus.jsonl", jsonl([chat_line("a", "hi", model=model)]))

    refused(row, "no_valid_record")
    assert row.results is not None
    first, _ = stack.lines(row.results["problems"])
    assert (first["line"], first["code"], first["param"]) == (1, "model_not_found", "model")
    assert stack.calls() == []


def test_an_object_that_was_deleted_before_it_was_read_is_refused(stack: StackUnderTest) -> None:
    before = stack.job_ids()
    with stack.cloud.without("AdmitRole", "sqs:ReceiveMessage"):
        stack.drop("inbox/deleted.jsonl", chat_file(1))
        until(lambda: stack.queue_depth("JobsQueueUrl")[0])
        stack.s3.delete_object(Bucket=stack.bucket, Key="inbox/deleted.jsonl")

    row = stack.refused_message("input_missing", since=before)

    refused(row, "input_missing")


def test_an_object_that_was_overwritten_before_it_was_read_runs_in_both_versions(
    stack: StackUnderTest,
) -> None:
    with stack.cloud.without("AdmitRole", "sqs:ReceiveMessage"):
        stack.drop("inbox/overwritten.jsonl", chat_file(2))
        stack.drop("inbox/overwritten.jsonl", chat_file(5))
        until(lambda: stack.queue_depth("JobsQueueUrl")[0] == 2)

    def both() -> list[JobRow] | None:
        rows = [
            row
            for row in stack.jobs.recent(1000)
            if row.input == f"s3://{stack.bucket}/inbox/overwritten.jsonl" and row.status.final
        ]
        return rows if len(rows) == 2 else None

    assert sorted(row.counts()["succeeded"] for row in until(both)) == [2, 5]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no message of ours", "invalid_message"),
        ({"input": "s3://somebody-elses/inbox/a"}, "foreign_bucket"),
        ({"input": "s3://BUCKET/results/a"}, "foreign_key"),
        ({"input": "s3://BUCKET/inbox/never-was"}, "input_missing"),
    ],
    ids=["garbage", "foreign bucket", "own results", "missing object"],
)
def test_a_message_that_cannot_be_a_job_ends_as_a_refused_one(
    stack: StackUnderTest, message: dict[str, str] | str, code: str
) -> None:
    body = message if isinstance(message, str) else json.dumps(message)

    before = stack.job_ids()
    stack.say(body.replace("BUCKET", stack.bucket))

    refused(stack.refused_message(code, since=before), code)


def test_no_mistake_of_a_user_is_left_on_a_queue(stack: StackUnderTest) -> None:
    for body in ("{", "[]", '{"records": []}', '{"detail-type": "Object Created"}'):
        stack.say(body)
    stack.run("inbox/after-the-mistakes.jsonl", chat_file(1))

    until(lambda: stack.queue_depth("JobsQueueUrl") == (0, 0))
    assert stack.queue_depth("JobsDeadLetterQueueUrl") == (0, 0)
