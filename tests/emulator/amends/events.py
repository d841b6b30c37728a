"""EventBridge delivers where the target's own policy and key let it, else to the target's dead-letter queue.

ministack delivers everywhere and knows no dead-letter queue of a target. And an event of a versioned bucket names the
version of the object.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import eventbridge, kms, s3, sns

from tests.emulator.amends import amend
from tests.emulator.amends.keys import READ, WRITE, key_of
from tests.emulator.amends.rights import log, service_may

SENDING = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}
version_of_object: ContextVar[str | None] = ContextVar("version_of_object", default=None)


def may_deliver(arn: str, rule: dict[str, Any]) -> bool:
    """Whether EventBridge may put an event of this rule there."""
    action = SENDING.get(arn.split(":")[2])
    if action is None:
        return True
    key = _key_of_topic(arn) if action == "sns:Publish" else key_of(arn)
    asked = [(action, arn), *((needed, key) for needed in (WRITE, READ) if key)]
    account = rule["Arn"].split(":")[4]
    return all(
        service_may("events.amazonaws.com", needed, on, source=rule["Arn"], account=account)
        for needed, on in asked
    )


def _key_of_topic(arn: str) -> str | None:
    topic = sns._topic_by_arn_any_scope(arn) or {"attributes": {}}
    key = kms._resolve_key(topic["attributes"].get("KmsMasterKeyId") or "")
    return key["Arn"] if key else None


@amend(eventbridge, "_invoke_target")
def _(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoke_where_allowed(
        target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None
    ) -> None:
        letters = target.get("DeadLetterConfig", {}).get("Arn")
        for arn in filter(None, (target["Arn"], letters)):
            if may_deliver(arn, rule):
                invoke({**target, "Arn": arn}, event, rule, view)
                return
            log.warning("EventBridge may not deliver an event of %s to %s", rule["Arn"], arn)

    return invoke_where_allowed


@amend(s3, "_fire_s3_event")
def _(fire: Callable[..., Any]) -> Callable[..., Any]:
    def fire_with_version(*args: Any, version_id: str | None = None, **rest: Any) -> None:
        version_of_object.set(version_id)
        fire(*args, version_id=version_id, **rest)

    return fire_with_version


@amend(eventbridge, "_dispatch_event")
def _(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    def dispatch_with_version(event: dict[str, Any], view: Any = None) -> None:
        if event["Source"] == "aws.s3" and (version := version_of_object.get()):
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event, view = {**event, "Detail": json.dumps(detail)}, None
        dispatch(event, view)

    return dispatch_with_version
