"""What a job tells the world is kept where it cannot be delivered."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest, until


@contextmanager
def refusing(stack: StackUnderTest) -> Iterator[None]:
    """Let the topic take nothing from EventBridge."""
    sns, topic = stack.cloud.client("sns"), stack.outputs["JobEventsTopicArn"]
    before = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    nobody = {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [nobody]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    try:
        yield
    finally:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=before)


def test_events_that_the_topic_refuses_wait_in_a_queue_of_their_own(stack: StackUnderTest) -> None:
    sqs, queue = stack.cloud.client("sqs"), stack.cloud.physical("JobEventsDeadLetterQueue")
    with refusing(stack):
        row = stack.run("inbox/unheard.jsonl", chat_file(1))
        kept: list[str] = []

        def all_kept() -> bool:
            said = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            details = [json.loads(message["Body"])["detail"] for message in said]
            kept.extend(one["status"] for one in details if one["job_id"] == row.job_id)
            return len(kept) >= 3

        until(all_kept)

    assert sorted(kept) == ["completed", "received", "running"]
