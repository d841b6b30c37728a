"""The exact cache through the deployed template, IAM enforced."""

from batchwright.job import JobRow, Status
from tests.fakes import MODEL
from tests.laptop import chat_line, jsonl
from tests.system.stack_under_test import StackUnderTest, until

CACHED = f"""
name: cached
routes: [{{model: "{MODEL}", max_tokens: 100, temperature: 0}}]
models: {{"*": "{MODEL}"}}
cache: {{exact: 7d}}
"""
KEY = "inbox/cached/questions.jsonl"


def run_again(stack: StackUnderTest, first: JobRow) -> JobRow:
    """Run the same file as another job, and wait for its end."""
    wish = {"input": f"s3://{stack.bucket}/{KEY}", "contract": "cached", "again": "once more"}
    stack.say(wish)

    def ended() -> JobRow | None:
        row = stack.row(KEY)
        return row if row and row.job_id != first.job_id and row.status.final else None

    return until(ended)


def test_the_same_file_again_makes_no_second_call(stack: StackUnderTest) -> None:
    stack.behave()
    stack.put_contract("cached", CACHED)
    first = stack.run(KEY, jsonl([chat_line(f"q{n}", f"ask {n}") for n in range(20)]))
    assert first.status is Status.COMPLETED
    assert len(stack.calls()) == 20

    second = run_again(stack, first)

    assert len(stack.calls()) == 20
    assert second.status is Status.COMPLETED
    assert (second.tally.cached, second.tally.calls, second.tally.cost_usd) == (20, 0, 0.0)
    assert all(outcome["cached"] for outcome in stack.results(second, "outcomes"))
    assert [line["response"]["body"]["choices"] for line in stack.results(second, "output")] == [
        line["response"]["body"]["choices"] for line in stack.results(first, "output")
    ]
