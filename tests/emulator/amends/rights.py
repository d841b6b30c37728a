"""Who may do what: ministack's own evaluation of policies, asked for callers that it does not ask it for."""

import logging

from ministack.core import iam_evaluator as iam
from ministack.core.responses import get_region
from ministack.services import iam as iam_store

log = logging.getLogger("amends")


def role_may(role_arn: str, action: str, resource: str) -> bool:
    """Whether a service that has assumed this role may do this: its policies and the resource's own."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    asked = iam.EvalContext(
        principal_arn=session_of(role_arn),
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
    )
    limits = iam._permissions_boundary(iam_store._roles, name, account)
    answer = iam.evaluate(asked, iam._gather_role_policies(name, account), *limits)
    service = action.partition(":")[0]
    if (policy := iam._resource_policy(service, resource)) is not None:
        required = service in iam._POLICY_REQUIRED
        answer = iam.combine_resource_policy(
            answer, asked, *policy, required=required, limits=limits
        )
    return bool(answer.decision == "Allow")


def service_may(service: str, action: str, resource: str, *, source: str, account: str) -> bool:
    """Whether the resource's own policy lets an AWS service do this on behalf of the source."""
    policy = iam._resource_policy(action.partition(":")[0], resource)
    if policy is None:
        return False
    asked = iam.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={"aws:sourcearn": source, "aws:sourceaccount": account},
    )
    return bool(iam.evaluate_resource_policy(policy[0], asked, service=service).decision == "Allow")


def session_of(role_arn: str) -> str:
    """Return the ARN of a service's session in this role."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    return f"arn:aws:sts::{account}:assumed-role/{name}/service"


def refusal(role_arn: str, action: str, resource: str) -> str:
    """Say it as AWS does."""
    return f"User: {session_of(role_arn)} is not authorized to perform: {action} on resource: {resource}"
