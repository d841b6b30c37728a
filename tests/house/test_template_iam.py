"""Each role may do exactly what its code calls, on exactly our resources."""

import copy
import re
from collections.abc import Callable, Iterable

import pytest

from tests.house.cloudformation import (
    ROLES,
    ROOT,
    Statement,
    Template,
    each,
    names_used,
    of_type,
    role_statements,
    shown,
    statements,
)

type Grant = tuple[str, str, str]

# Asking models, filters among them, and settling records: what a worker does, and who hands over or collects does, too.
ASKS = """
    bedrock:InvokeModel  ${ModelArns}
    bedrock:ApplyGuardrail  ${GuardrailArns}
    bedrock:InvokeGuardrailChecks comprehend:DetectPiiEntities comprehend:DetectToxicContent  *
    lambda:InvokeFunction  ${FilterFunctionArns}
    sagemaker:InvokeEndpointAsync  ${EndpointArns} ${Endpoint}
    s3:PutObject  ${Bucket.Arn}/endpoints/input/* ${Bucket.Arn}/jobs/*/batches/*/stopped
    s3:GetObject  ${Bucket.Arn}/endpoints/output/* ${Bucket.Arn}/endpoints/failure/*
    s3:ListBucket  ${Bucket.Arn}  if s3:prefix in endpoints/*
    secretsmanager:GetSecretValue  ${EndpointSecretArns}
    kms:Decrypt  ${EndpointSecretKeyArns}  if by Secrets Manager
    ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSubnets  *  if by Lambda itself
    ec2:DeleteNetworkInterface ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses  *  if by Lambda itself
    s3:GetObject s3:GetObjectVersion  ${Bucket.Arn}/inbox/* ${Bucket.Arn}/uploads/* ${Bucket.Arn}/jobs/*
    s3:ListBucket  ${Bucket.Arn}  if s3:prefix in inbox/* uploads/* jobs/* cache/*
    s3:PutObject  ${Bucket.Arn}/jobs/*/chunks/*
    s3:GetObject s3:PutObject  ${Bucket.Arn}/cache/*
    s3:PutObject  ${Bucket.Arn}/quarantine/*
    dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem  ${JobsTable.Arn}
"""


def runs(name: str) -> str:
    """What every function does: it logs, it is traced, and what it reads and writes is encrypted."""
    return f"""
        kms:Decrypt kms:GenerateDataKey  ${{Key.Arn}}
        logs:CreateLogStream logs:PutLogEvents  ${{{name}LogGroup.Arn}}
        xray:PutTraceSegments xray:PutTelemetryRecords  *
    """


# Actions, then resources, then "if" and what the request must say: one line for each thing a step does.
GRANTS = {
    "AdmitRole": """
        sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes  ${JobsQueue.Arn}
        s3:GetObject s3:GetObjectVersion  ${Bucket.Arn}/inbox/* ${Bucket.Arn}/uploads/*
        s3:GetObject  ${Bucket.Arn}/contracts/* ${Bucket.Arn}/jobs/*/input.jsonl
        s3:GetObject  ${Bucket.Arn}/jobs/*/job.json ${Bucket.Arn}/jobs/*/plan.jsonl
        s3:GetObject  ${Bucket.Arn}/jobs/*/submissions.jsonl
        dynamodb:GetItem  ${StateTable.Arn}
        states:SendTaskSuccess  ${JobStateMachine} ${JobStateMachine}/*
        s3:ListBucket  ${Bucket.Arn}  if s3:prefix in inbox/* uploads/* contracts/* jobs/*
        s3:PutObject  ${Bucket.Arn}/jobs/*/job.json ${Bucket.Arn}/jobs/*/input.jsonl
        dynamodb:GetItem dynamodb:PutItem  ${JobsTable.Arn} ${LedgerTable.Arn}
        states:StartExecution  ${JobStateMachine}
        events:PutEvents  ${OurBus}
    """ + runs("Admit"),
    "PlanRole": """
        s3:GetObject s3:GetObjectVersion  ${Bucket.Arn}/inbox/* ${Bucket.Arn}/uploads/* ${Bucket.Arn}/jobs/*
        s3:ListBucket  ${Bucket.Arn}  if s3:prefix in inbox/* uploads/* jobs/*
        s3:PutObject s3:AbortMultipartUpload  ${Bucket.Arn}/jobs/*/plan.jsonl ${Bucket.Arn}/jobs/*/problems.jsonl
        s3:PutObject s3:AbortMultipartUpload  ${Bucket.Arn}/jobs/*/unfolded ${Bucket.Arn}/jobs/*/work/plan.json
        s3:PutObject s3:AbortMultipartUpload  ${Bucket.Arn}/jobs/*/work/ids/* ${Bucket.Arn}/jobs/*/planned.json
        s3:PutObject s3:AbortMultipartUpload  ${Bucket.Arn}/jobs/*/submissions.jsonl ${Bucket.Arn}/jobs/*/lane.json
        dynamodb:GetItem dynamodb:PutItem  ${JobsTable.Arn}
        events:PutEvents  ${OurBus}
        servicequotas:ListServiceQuotas  *
    """ + runs("Plan"),
    "InvokeRole": ASKS + """
        dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem  ${StateTable.Arn}
    """ + runs("Invoke"),
    "SubmitRole": ASKS + """
        dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem  ${StateTable.Arn}
        bedrock:CreateModelInvocationJob  ${ModelArns} ${OurBatches}
        bedrock:GetModelInvocationJob  ${OurBatches}
        bedrock:ListModelInvocationJobs  *
        iam:PassRole  ${BatchRole.Arn}  if iam:PassedToService is bedrock.amazonaws.com
        s3:PutObject s3:AbortMultipartUpload  ${Bucket.Arn}/jobs/*/batches/* ${Bucket.Arn}/jobs/*/work/submit-*.json
        states:SendTaskSuccess  ${JobStateMachine} ${JobStateMachine}/*
    """ + runs("Submit"),
    "CollectRole": ASKS + """
        dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem  ${StateTable.Arn}
        bedrock:GetModelInvocationJob bedrock:StopModelInvocationJob  ${OurBatches}
        bedrock:ListModelInvocationJobs  *
    """ + runs("Collect"),
    "WakeRole": """
        sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes  ${CompletionsQueue.Arn}
        dynamodb:UpdateItem  ${StateTable.Arn}
        states:SendTaskSuccess  ${JobStateMachine} ${JobStateMachine}/*
    """ + runs("Wake"),
    "BatchRole": """
        bedrock:InvokeModel  ${ModelArns}
        s3:GetObject  ${Bucket.Arn}/jobs/*/batches/*/input.jsonl
        s3:ListBucket  ${Bucket.Arn}  if s3:prefix in jobs/*
        s3:PutObject  ${Bucket.Arn}/jobs/*/batches/*/output/*
        kms:Decrypt kms:GenerateDataKey  ${Key.Arn}
    """,
    "JoinRole": """
        s3:GetObject s3:GetObjectVersion  ${Bucket.Arn}/jobs/*
        s3:ListBucket  ${Bucket.Arn}  if s3:prefix in jobs/*
        s3:PutObject s3:AbortMultipartUpload  ${Bucket.Arn}/jobs/*/rounds/* ${Bucket.Arn}/jobs/*/plan.jsonl
        dynamodb:GetItem dynamodb:PutItem  ${JobsTable.Arn}
    """ + runs("Join"),
    "EndpointRole": """
        s3:GetObject  ${Bucket.Arn}/endpoints/input/*
        s3:PutObject s3:AbortMultipartUpload  ${Bucket.Arn}/endpoints/output/* ${Bucket.Arn}/endpoints/failure/*
        s3:GetObject  arn:${AWS::Partition}:s3:::${Path}
        sns:Publish  ${EndpointsSucceededTopic} ${EndpointsFailedTopic}
        kms:Decrypt kms:GenerateDataKey  ${Key.Arn}
        ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer  ${Registries}
        ecr:GetAuthorizationToken  *
        logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents  ${EndpointLogs}
    """,
    "CloseRole": """
        s3:GetObject s3:GetObjectVersion  ${Bucket.Arn}/inbox/* ${Bucket.Arn}/uploads/* ${Bucket.Arn}/jobs/*
        s3:ListBucket  ${Bucket.Arn}  if s3:prefix in inbox/* uploads/* jobs/* ledger/checkpoints/*
        s3:PutObject s3:AbortMultipartUpload  ${Bucket.Arn}/results/*
        s3:GetObject  ${Bucket.Arn}/results/*/receipt.json ${Bucket.Arn}/ledger/checkpoints/*
        dynamodb:GetItem  ${StateTable.Arn}
        bedrock:GetModelInvocationJob bedrock:StopModelInvocationJob  ${OurBatches}
        s3:PutObject  ${Bucket.Arn}/jobs/*/chunks/* ${Bucket.Arn}/jobs/*/work/close.json
        dynamodb:GetItem dynamodb:PutItem  ${JobsTable.Arn}
        dynamodb:GetItem dynamodb:PutItem dynamodb:Query  ${LedgerTable.Arn}
        kms:Sign kms:GetPublicKey  ${LedgerKey.Arn}
        s3:PutObject  ${Bucket.Arn}/ledger/public-key.txt
        s3:PutObject  ${Bucket.Arn}/ledger/checkpoints/* ${CheckpointBucket.Arn}/ledger/checkpoints/*
        s3:PutObject  arn:${AWS::Partition}:s3:::${CopyCheckpointsTo}/ledger/checkpoints/*
        events:PutEvents  ${OurBus}
    """ + runs("Close"),
    "SweepRole": """
        s3:GetObject  ${Bucket.Arn}/jobs/*/job.json
        s3:ListBucket  ${Bucket.Arn}  if s3:prefix in jobs/* results/*
        s3:GetObject s3:GetObjectVersion  ${Bucket.Arn}/results/*/outcomes.jsonl
        s3:ListBucketVersions  ${Bucket.Arn}  if s3:prefix in jobs/* results/* quarantine/* cache/* endpoints/*
        s3:DeleteObject s3:DeleteObjectVersion  ${Bucket.Arn}/inbox/* ${Bucket.Arn}/uploads/* ${Bucket.Arn}/jobs/*
        s3:DeleteObject s3:DeleteObjectVersion  ${Bucket.Arn}/cache/* ${Bucket.Arn}/quarantine/*
        s3:DeleteObject s3:DeleteObjectVersion  ${Bucket.Arn}/endpoints/*
        s3:DeleteObject s3:DeleteObjectVersion  ${Bucket.Arn}/results/*.jsonl ${Bucket.Arn}/results/*/salt.txt
        s3:DeleteObject s3:DeleteObjectVersion  ${Bucket.Arn}/results/*/manifest.json.out
        dynamodb:Query  ${JobsTable.Arn} ${JobsTable.Arn}/index/status-index
        dynamodb:GetItem dynamodb:PutItem dynamodb:DeleteItem  ${JobsTable.Arn}
        dynamodb:GetItem dynamodb:PutItem  ${LedgerTable.Arn}
        states:StartExecution  ${JobStateMachine}
        states:DescribeExecution  ${OurRuns}:*
        events:PutEvents  ${OurBus}
    """ + runs("Sweep"),
    "JobStateMachineRole": """
        lambda:InvokeFunction  ${PlanFunction.Arn} ${InvokeFunction.Arn} ${JoinFunction.Arn} ${CloseFunction.Arn}
        lambda:InvokeFunction  ${SubmitFunction.Arn} ${CollectFunction.Arn}
        s3:GetObject  ${Bucket.Arn}/jobs/*/plan.jsonl ${Bucket.Arn}/jobs/*/rounds/*.plan.jsonl
        s3:GetObject  ${Bucket.Arn}/jobs/*/submissions.jsonl
        s3:GetObject s3:PutObject s3:ListMultipartUploadParts s3:AbortMultipartUpload  ${Bucket.Arn}/jobs/*/map/*
        states:StartExecution  ${JobStateMachine}
        states:DescribeExecution states:StopExecution states:RedriveExecution  ${OurRuns}:* ${OurRuns}/Chunks:*
        states:DescribeExecution states:StopExecution states:RedriveExecution  ${OurRuns}/Submissions:*
        kms:Decrypt kms:GenerateDataKey  ${Key.Arn}
        logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery  *
        logs:ListLogDeliveries logs:PutResourcePolicy logs:DescribeResourcePolicies logs:DescribeLogGroups  *
        xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets  *
    """,
}  # fmt: skip
# What people may who review; no role of ours has it.
REVIEWERS = """
    cloudformation:DescribeStacks  ${OurStack}
    dynamodb:GetItem dynamodb:Query  ${JobsTable.Arn}
    s3:GetObject s3:GetObjectVersion  ${Bucket.Arn}/results/* ${Bucket.Arn}/quarantine/*
    s3:ListBucket  ${Bucket.Arn}  if s3:prefix in results/* quarantine/*
    s3:PutObject  ${Bucket.Arn}/results/*/decisions.jsonl ${Bucket.Arn}/results/*/released.jsonl
    dynamodb:GetItem dynamodb:PutItem  ${LedgerTable.Arn}
    kms:Decrypt kms:GenerateDataKey  ${Key.Arn}
"""
PLACES = {
    "${Registries}": "ecr:*:*:repository/*",
    "${EndpointLogs}": "logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/sagemaker/Endpoints/*",
    "${OurStack}": "cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${AWS::StackName}/*",
    "${OurBus}": "events:${AWS::Region}:${AWS::AccountId}:event-bus/default",
    "${OurBatches}": "bedrock:${AWS::Region}:${AWS::AccountId}:model-invocation-job/*",
    "${OurRuns}": "states:${AWS::Region}:${AWS::AccountId}:execution:${JobStateMachine.Name}",
}
CORE = ROOT / "layers/core/batchwright"
CALLED_AS = {
    "s3:GetObjectVersion": "VersionId",
    "s3:DeleteObject": ".delete_objects(",
    "s3:DeleteObjectVersion": ".delete_objects(",
    "s3:ListBucketVersions": '"list_object_versions"',
    "bedrock:InvokeModel": '"converse"',
    "bedrock:ListModelInvocationJobs": '"list_model_invocation_jobs"',
    "dynamodb:UpdateItem": "transact_write_items",
    "servicequotas:ListServiceQuotas": '"list_service_quotas"',
}
CALLED_BY_AWS = {  # for us: polling, encrypting, tracing, logging, mapping; and telling 404 from 403
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    *(f"sqs:{verb}" for verb in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")),
    *(f"kms:{verb}" for verb in ("Decrypt", "GenerateDataKey")),
    *(f"xray:{verb}" for verb in ("PutTraceSegments", "PutTelemetryRecords")),
    *(f"xray:{verb}" for verb in ("GetSamplingRules", "GetSamplingTargets")),
    *(f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")),
    *(f"logs:{verb}" for verb in ("CreateLogStream", "PutLogEvents", "ListLogDeliveries")),
    *(f"logs:{verb}" for verb in ("PutResourcePolicy", "DescribeResourcePolicies")),
    "logs:DescribeLogGroups",
    "lambda:InvokeFunction",
    "iam:PassRole",
    *(f"ecr:{verb}" for verb in ("BatchGetImage", "BatchCheckLayerAvailability")),
    *(f"ecr:Get{what}" for what in ("DownloadUrlForLayer", "AuthorizationToken")),
    "logs:CreateLogGroup",
    "sns:Publish",
    *(f"ec2:{verb}NetworkInterface" for verb in ("Create", "Delete")),
    *(f"ec2:Describe{what}" for what in ("NetworkInterfaces", "Subnets")),
    *(f"ec2:{verb}PrivateIpAddresses" for verb in ("Assign", "Unassign")),
    *(f"states:{verb}Execution" for verb in ("Stop", "Redrive")),
}
BEDROCKS = {"bedrock:InvokeGuardrailChecks", "bedrock:ListModelInvocationJobs"}
# The only actions here that know no resources, or services none of whose actions do.
ON_EVERYTHING = {
    "xray",
    "logs",
    "comprehend",
    "servicequotas",
    "ec2",
    "ecr:GetAuthorizationToken",
    *BEDROCKS,
}
# What contracts may have their filters ask is given only to who deploys the stack with it.
MODEL_DATA = {"Fn::Select": [1, {"Fn::Split": ["s3://", {"Ref": "EndpointModelData"}]}]}
WORKERS = {"InvokeRole", "SubmitRole", "CollectRole"}
WISHED = {
    "EndpointsPolicy": "HasEndpoints",
    "EndpointSecretsPolicy": "HasEndpointSecrets",
    "EndpointSecretKeysPolicy": "HasEndpointSecretKeys",
    "GuardrailsPolicy": "HasGuardrails",
    "ManagedFiltersPolicy": "HasManagedFilters",
    "FilterFunctionsPolicy": "HasFilterFunctions",
}
WISHES = {
    "EndpointArns": "",
    "EndpointImage": "",
    "EndpointSecretArns": "",
    "EndpointSecretKeyArns": "",
    "GuardrailArns": "",
    "ManagedFilters": "false",
    "FilterFunctionArns": "",
}


def asked(text: str) -> set[Grant]:
    """The grants that a table in GRANTS asks for."""
    for short, place in PLACES.items():
        text = text.replace(short, f"arn:${{AWS::Partition}}:{place}")
    grants = set()
    for line in filter(None, map(str.strip, text.splitlines())):
        actions, resources, *condition = line.split("  ")
        grants |= {
            (action, resource, "".join(condition))
            for action in actions.split()
            for resource in resources.split()
        }
    return grants


def condition(statement: Statement) -> str:
    """A condition in the words of GRANTS."""
    match statement.get("Condition"):
        case None:
            return ""
        case {"StringLikeIfExists": {"s3:prefix": prefixes, **more}, **others} if not (
            more or others
        ):
            return f"if s3:prefix in {' '.join(each(prefixes))}"
        case {"StringEquals": {"iam:PassedToService": service, **more}, **others} if not (
            more or others
        ):
            return f"if iam:PassedToService is {service}"
        case {"StringEquals": {"kms:ViaService": service, **more}, **others} if (
            not (more or others)
            and shown(service) == "secretsmanager.${AWS::Region}.${AWS::URLSuffix}"
        ):
            return "if by Secrets Manager"
        case {"Null": {"lambda:SourceFunctionArn": "true", **more}, **others} if not (
            more or others
        ):
            return "if by Lambda itself"
        case other:
            return str(other)


def given(template: Template, role: str) -> set[Grant]:
    """What the template gives to a role."""
    return granted(found for name, found in role_statements(template) if name == role)


def granted(found: Iterable[Statement]) -> set[Grant]:
    """What statements allow."""
    return {
        (action, resource, condition(statement))
        for statement in found
        if statement["Effect"] == "Allow"
        for action in each(statement["Action"])
        for resource in resources_of(statement)
    }


def resources_of(statement: Statement) -> list[str]:
    """What a statement is about; where the models stand beside others, they are one text that is split."""
    match statement["Resource"]:
        case {"Fn::Split": [",", {"Fn::Sub": [text, {"Models": {"Fn::Join": [",", models]}}]}]}:
            return [shown(models), *text.split(",")[1:]]
        case {"Fn::Sub": [text, {"Path": path}]} if path == MODEL_DATA:
            return [text]
        case resource:
            return [shown(each_) for each_ in each(resource)]


@pytest.mark.parametrize("role", GRANTS)
def test_a_role_may_do_exactly_what_its_code_calls(role: str, expanded: Template) -> None:
    assert given(expanded, role) == asked(GRANTS[role])


def test_there_are_no_other_roles_and_no_policies_of_somebody_else(expanded: Template) -> None:
    roles = of_type(expanded, "AWS::IAM::Role")

    assert roles.keys() == GRANTS.keys()
    assert not any("ManagedPolicyArns" in role for role in roles.values())
    assert not of_type(expanded, "AWS::IAM::RolePolicy")
    assert of_type(expanded, "AWS::IAM::ManagedPolicy").keys() == {"ReviewerPolicy"}


def test_reviewers_read_what_was_held_and_write_nothing_but_decisions_and_releases(
    expanded: Template,
) -> None:
    policy = of_type(expanded, "AWS::IAM::ManagedPolicy")["ReviewerPolicy"]

    assert granted(statements(policy["PolicyDocument"])) == asked(REVIEWERS)
    assert not {"Roles", "Users", "Groups"} & policy.keys()


def test_a_role_is_told_only_what_it_may_do(expanded: Template) -> None:
    for name, properties in of_type(expanded, *ROLES).items():
        for statement in statements(properties):
            assert statement["Effect"] == "Allow", name
            assert not {"NotAction", "NotResource", "NotPrincipal"} & statement.keys(), name


@pytest.mark.parametrize("role", GRANTS)
def test_no_role_has_a_wildcard_for_an_action_or_for_everything(
    role: str, expanded: Template
) -> None:
    for action, resource, _ in given(expanded, role):
        assert "*" not in action
        assert resource != "*" or {action, action.split(":")[0]} & ON_EVERYTHING


def test_models_are_asked_by_workers_and_batches_alone_and_only_those_that_are_allowed(
    expanded: Template,
) -> None:
    asking = {
        (role, resource)
        for role in GRANTS
        for action, resource, _ in given(expanded, role)
        if action.startswith("bedrock:") and "ModelInvocationJob" not in action
    }

    assert asking == {
        ("BatchRole", "${ModelArns}"),
        *((role, asked) for role in WORKERS for asked in ("${ModelArns}", "${GuardrailArns}", "*")),
    }


def test_batches_are_started_by_submit_alone_with_one_role_and_stopped_by_collect_and_close(
    expanded: Template,
) -> None:
    may = {(role, action) for role in GRANTS for action, _, _ in given(expanded, role)}

    assert {role for role, action in may if action == "bedrock:CreateModelInvocationJob"} == {
        "SubmitRole"
    }
    assert {role for role, action in may if action == "iam:PassRole"} == {"SubmitRole"}
    assert {role for role, action in may if action == "bedrock:StopModelInvocationJob"} == {
        "CollectRole",
        "CloseRole",
    }


def test_only_whoever_asks_models_reads_keys_of_endpoints_and_can_be_in_a_vpc(
    expanded: Template,
) -> None:
    reading = {
        role
        for role in GRANTS
        for action, _, _ in given(expanded, role)
        if action.startswith(("secretsmanager:", "ec2:"))
    }
    functions = of_type(expanded, "AWS::Lambda::Function")
    inside = {name for name, properties in functions.items() if "VpcConfig" in properties}
    told = {
        name
        for name, properties in functions.items()
        if "ENDPOINT_URLS" in properties["Environment"]["Variables"]
    }

    assert reading == WORKERS
    assert inside == told == {f"{role.removesuffix('Role')}Function" for role in WORKERS}


def test_what_was_not_asked_for_is_not_given(expanded: Template) -> None:
    wished = {
        name: resource["Condition"]
        for name, resource in expanded["Resources"].items()
        if resource["Type"] == "AWS::IAM::Policy" and "Condition" in resource
    }
    needed = [expanded["Resources"][role] for role in GRANTS]
    defaults = {name: expanded["Parameters"][name]["Default"] for name in WISHES}

    assert wished == WISHED
    assert not any(set(WISHES) & names_used(role) for role in needed)
    assert defaults == WISHES


def test_the_keys_are_used_and_never_changed_by_roles_and_only_close_signs(
    expanded: Template,
) -> None:
    for role in GRANTS:
        uses = {(action, where) for action, where, _ in given(expanded, role) if "kms:" in action}
        signs = {("kms:Sign", "${LedgerKey.Arn}"), ("kms:GetPublicKey", "${LedgerKey.Arn}")}

        reads = {("kms:Decrypt", "${EndpointSecretKeyArns}")}  # by Secrets Manager

        assert uses == {("kms:Decrypt", "${Key.Arn}"), ("kms:GenerateDataKey", "${Key.Arn}")} | {
            "CloseRole": signs,
            **dict.fromkeys(WORKERS, reads),
        }.get(role, set())


def wider(policy: list[Statement]) -> None:
    policy[0]["Action"] = [*each(policy[0]["Action"]), "s3:DeleteObject"]


def narrower(policy: list[Statement]) -> None:
    policy.pop()


def elsewhere(policy: list[Statement]) -> None:
    policy[1]["Resource"] = {"Fn::Sub": "${Bucket.Arn}/*"}


def unconditional(policy: list[Statement]) -> None:
    next(statement for statement in policy if "Condition" in statement).pop("Condition")


@pytest.mark.parametrize("role", GRANTS)
@pytest.mark.parametrize("change", [wider, narrower, elsewhere])
def test_a_grant_too_many_or_too_few_is_seen(
    role: str, change: Callable[[list[Statement]], None], expanded: Template
) -> None:
    assert given(changed(expanded, role, change), role) != asked(GRANTS[role])


@pytest.mark.parametrize(
    "role",
    [name for name in GRANTS if name not in {"JobStateMachineRole", "WakeRole", "EndpointRole"}],
)
def test_a_condition_that_was_lost_is_seen(role: str, expanded: Template) -> None:
    assert given(changed(expanded, role, unconditional), role) != asked(GRANTS[role])


def changed(template: Template, role: str, change: Callable[[list[Statement]], None]) -> Template:
    copied = copy.deepcopy(template)
    (policy,) = copied["Resources"][role]["Properties"]["Policies"]
    change(policy["PolicyDocument"]["Statement"])
    return copied


def test_nothing_is_granted_that_no_adapter_calls(expanded: Template) -> None:
    adapters = "".join(path.read_text() for path in (CORE / "aws").glob("*.py"))
    granted = {action for role in GRANTS for action, _, _ in given(expanded, role)}

    for action in granted - set(CALLED_BY_AWS) - set(CALLED_AS):
        assert f".{snake_case(action)}(" in adapters, action
    for action in granted & set(CALLED_AS):
        assert CALLED_AS[action] in adapters, action


def snake_case(action: str) -> str:
    """The boto3 method of an action.

    >>> snake_case("states:StartExecution")
    'start_execution'
    """
    _, _, name = action.partition(":")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
