"""A job with a budget through the deployed template: money is set aside in the table before every call."""

from batchwright.aws.budgets import DynamoDBBudgets
from batchwright.job import Status
from batchwright.money import BILLIONTHS
from tests.fakes import MODEL
from tests.laptop import chat_line, jsonl
from tests.system.stack_under_test import StackUnderTest

BUDGET = 0.004
FRUGAL = f"""
name: frugal
routes: [{{engine: bedrock, model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
budget: {{usd: {BUDGET}}}
"""


def test_a_job_ends_before_its_budget_does_and_publishes_what_it_paid_for(
    stack: StackUnderTest,
) -> None:
    stack.put_contract("frugal", FRUGAL)
    lines = [chat_line(f"req-{number}", "x" * 400) for number in range(600)]

    row = stack.run("inbox/frugal/mails.jsonl", jsonl(lines), seconds=120)

    assert (row.status, row.incomplete_reason) == (Status.INCOMPLETE, "budget:usd")
    counts = row.counts()
    assert counts["succeeded"] == len(stack.calls()) > 0
    assert counts["succeeded"] + counts["cancelled"] == counts["total"] == 600
    table = DynamoDBBudgets(stack.cloud.client("dynamodb"), stack.outputs["JobsTableName"])
    money = table.money(row.job_id)
    assert money.reserved == 0
    assert 0.8 * BUDGET * BILLIONTHS < money.spent <= BUDGET * BILLIONTHS
    assert len(stack.results(row, "output")) == counts["succeeded"]
