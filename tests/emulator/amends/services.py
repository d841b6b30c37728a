"""The model host is one of AWS's own services: it takes on roles that trust the service, and says events as it.

ministack lets the root user take on every role that trusts any service, whatever the trust depends on, and lets nobody
say an event whose source is AWS's. The host says with each call which service it is, and for which resource it acts.
"""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import eventbridge, sts

from tests.emulator.amends import amend

# As tests/emulator/host/account.py sends them; that module wants boto3, which is not here.
SERVICE, SOURCE_ARN, SOURCE_ACCOUNT = (
    "x-emulator-service", "x-amz-source-arn", "x-amz-source-account",
)  # fmt: skip
acting: ContextVar[dict[str, str] | None] = ContextVar("acting", default=None)
type Handle = Callable[..., Awaitable[Any]]


def as_service(handle: Handle) -> Handle:
    """Remember, while a request is handled, which of AWS's services sent it."""

    async def handle_as_service(
        method: str, path: str, headers: dict[str, str], *rest: Any, **named: Any
    ) -> Any:
        token = acting.set(headers if SERVICE in headers else None)
        try:
            return await handle(method, path, headers, *rest, **named)
        finally:
            acting.reset(token)

    return handle_as_service


amend(sts, "handle_request")(as_service)
amend(eventbridge, "handle_request")(as_service)


@amend(eventbridge, "_put_events")
def _(put: Callable[..., Any]) -> Callable[..., Any]:
    def put_as_service(events: dict[str, Any], allow_aws_source: bool = False) -> Any:
        headers = acting.get()
        own = headers and f"aws.{headers[SERVICE].partition('.')[0]}"
        entries = events.get("Entries", [])
        told_by_itself = bool(own) and all(entry.get("Source") == own for entry in entries)
        return put(events, allow_aws_source=allow_aws_source or told_by_itself)

    return put_as_service


@amend(iam_evaluator, "evaluate_trust_policy")
def _(evaluate: Callable[..., bool]) -> Callable[..., bool]:
    def evaluate_for_service(trust: Any, caller: str, asked: Any = None) -> bool:
        headers = acting.get()
        if headers is None or asked is None:
            return evaluate(trust, caller, asked)
        document = json.loads(trust) if isinstance(trust, str) else trust
        statements = document["Statement"]
        statements = [statements] if isinstance(statements, dict) else statements
        named = [one for one in statements if trusts(one, headers[SERVICE])]
        context = {
            "aws:sourcearn": headers.get(SOURCE_ARN),
            "aws:sourceaccount": headers.get(SOURCE_ACCOUNT),
        }
        asked = replace(asked, service_context={**asked.service_context, **context})
        return evaluate({"Statement": named}, caller, asked)

    return evaluate_for_service


def trusts(statement: dict[str, Any], service: str) -> bool:
    """Whether a statement of a trust policy is about this service."""
    principal = statement.get("Principal", {})
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return service in ([named] if isinstance(named, str) else named)
