"""What no scanner sees: each rule is a function from the expanded template to what breaks it.

Every rule is shown a template that breaks it, too, so that none can pass by looking away.
"""

import copy
from collections.abc import Callable, Iterator

import pytest

from batchwright.aws.eventbridge import CHANGED, STALLED
from batchwright.batchjob import ENDED, BatchStatus
from batchwright.outcome import Ending
from batchwright.steps.wake import BATCH_CHANGED
from batchwright.submission import NAME
from tests.house.cloudformation import Template, each, of_type, shown, statements, with_change

type Rule = Callable[[Template], Iterator[str]]

QUEUES = {"JobsQueue": "JobsDeadLetterQueue", "CompletionsQueue": "CompletionsDeadLetterQueue"}
KEPT = ("Key", "Bucket", "LedgerTable", "LedgerKey", "CheckpointBucket")
EXPIRING = {"inbox/", "uploads/", "jobs/", "results/", "quarantine/", "cache/", "endpoints/"}
HOLDERS = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic")
DOORS = {
    "Bucket": ("s3:*", {"${Bucket.Arn}", "${Bucket.Arn}/*"}),
    "CheckpointBucket": ("s3:*", {"${CheckpointBucket.Arn}", "${CheckpointBucket.Arn}/*"}),
    "JobsQueue": ("sqs:*", {"${JobsQueue.Arn}"}),
    "JobsDeadLetterQueue": ("sqs:*", {"${JobsDeadLetterQueue.Arn}"}),
    "CompletionsQueue": ("sqs:*", {"${CompletionsQueue.Arn}"}),
    "CompletionsDeadLetterQueue": ("sqs:*", {"${CompletionsDeadLetterQueue.Arn}"}),
    "JobEventsDeadLetterQueue": ("sqs:*", {"${JobEventsDeadLetterQueue.Arn}"}),
    "JobEventsTopic": ("sns:Publish", {"${JobEventsTopic}"}),
    "EndpointsSucceededTopic": ("sns:Publish", {"${EndpointsSucceededTopic}"}),
    "EndpointsFailedTopic": ("sns:Publish", {"${EndpointsFailedTopic}"}),
}
LAYERS = {"Plan": ["Core", "Parquet"]}
FOURTEEN_DAYS = 1209600
SWEPT = "rate(5 minutes)"
STACK = "${AWS::StackName}"
# What calls an operator: the metric, and whose it is.
WATCHED = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "${JobsDeadLetterQueue.QueueName}"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "${JobEventsDeadLetterQueue.QueueName}"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "${CompletionsDeadLetterQueue.QueueName}"),
    ("AWS/States", "ExecutionsFailed", "${JobStateMachine}"),
    ("AWS/Lambda", "Errors", "${SweepFunction}"),
    ("Batchwright", "JobsStuck", STACK),
    ("Batchwright", "CheckpointsUncopied", STACK),
    ("Batchwright", "CheckpointsUnsigned", STACK),
    ("Batchwright", "JobsStalled", STACK),
}
# What calls nobody: it starts something by itself.
STARTS = {"EndpointWakeAlarm": "${EndpointWakePolicy}"}
TOLD = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}

# Where a service may act for us without naming the source that it acts for, and why.
WITHOUT_SOURCE = {
    ("AdmitRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    ("PlanRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    ("JoinRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    ("InvokeRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    ("SubmitRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    ("CollectRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    ("WakeRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    ("CloseRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    ("SweepRole", "lambda.amazonaws.com"): "a role can only be passed inside its account",
    (
        "Key",
        "logs.${AWS::Region}.${AWS::URLSuffix}",
    ): "logs name the group in the encryption context",
    ("Key", "events.amazonaws.com"): "not supported by EventBridge for encrypted targets",
    ("JobEventsTopicPolicy", "events.amazonaws.com"): "not supported by EventBridge for topics",
}


def services_that_do_not_name_their_source(template: Template) -> Iterator[str]:
    for name, resource in template["Resources"].items():
        for statement in statements(resource):
            principal = statement.get("Principal")
            if statement["Effect"] != "Allow" or not isinstance(principal, dict):
                continue
            asked = {key for test in statement.get("Condition", {}).values() for key in test}
            for service in each(principal.get("Service", [])):
                if not asked >= {"aws:SourceArn", "aws:SourceAccount"}:
                    yield f"{name} {shown(service)}"


def undocumented_trust(template: Template) -> Iterator[str]:
    """Services without a source that WITHOUT_SOURCE does not explain, or no longer has to."""
    documented = {f"{name} {service}" for name, service in WITHOUT_SOURCE}
    yield from documented ^ set(services_that_do_not_name_their_source(template))


def key_use_by_logs_is_bound_to_our_groups(template: Template) -> Iterator[str]:
    for statement in statements(template["Resources"]["Key"]["Properties"]["KeyPolicy"]):
        service = shown(statement["Principal"].get("Service", ""))
        context = statement.get("Condition", {}).get("ArnLike", {})
        groups = each(context.get("kms:EncryptionContext:aws:logs:arn", []))
        if service.startswith("logs.") and not groups:
            yield "any log group"
        yield from (shown(group) for group in groups if "${AWS::StackName}/" not in shown(group))


def plain_http(template: Template) -> Iterator[str]:
    yield from of_type(template, *HOLDERS).keys() ^ DOORS.keys()
    for name, (action, resources) in DOORS.items():
        policy = template["Resources"][f"{name}Policy"]["Properties"]["PolicyDocument"]
        denied = {
            (statement["Action"], shown(resource))
            for statement in statements(policy)
            if statement["Effect"] == "Deny"
            and statement["Principal"] == "*"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for resource in each(statement["Resource"])
        }
        if denied != {(action, resource) for resource in resources}:
            yield name


def messages_that_would_be_lost(template: Template) -> Iterator[str]:
    for name, letters in QUEUES.items():
        queue, dead = (template["Resources"][each]["Properties"] for each in (name, letters))
        redrive = queue.get("RedrivePolicy", {})
        if shown(redrive.get("deadLetterTargetArn")) != f"${{{letters}.Arn}}":
            yield f"{name} has no dead letter queue"
        if redrive.get("maxReceiveCount", 0) < 5:
            yield f"a few throttles would make a dead letter of {name}"
        if dead["MessageRetentionPeriod"] < FOURTEEN_DAYS:
            yield f"dead letters of {name} go before somebody looked"
        if dead["RedriveAllowPolicy"]["redrivePermission"] != "byQueue":
            yield f"other queues may send to {letters}"


def events_that_would_be_lost(template: Template) -> Iterator[str]:
    letters = template["Resources"]["JobEventsDeadLetterQueue"]["Properties"]
    rule = template["Resources"]["JobEventsRule"]["Properties"]
    if rule["EventPattern"]["detail-type"] != [CHANGED, STALLED]:
        yield "some of our events reach nobody"
    if rule["EventPattern"]["detail"] != {"bucket": [{"Ref": "Bucket"}]}:
        yield "other stacks' events come along"
    for target in rule["Targets"]:
        if (
            shown(target.get("DeadLetterConfig", {}).get("Arn"))
            != "${JobEventsDeadLetterQueue.Arn}"
        ):
            yield "undeliverable events are dropped"
        if "RetryPolicy" not in target:
            yield "retries are left to chance"
    if letters["MessageRetentionPeriod"] < FOURTEEN_DAYS:
        yield "dead letters go before somebody looked"
    if letters["RedriveAllowPolicy"] != {"redrivePermission": "denyAll"}:
        yield "queues may send here"


def what_nobody_hears_of(template: Template) -> Iterator[str]:
    watched = set()
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        if name in STARTS:
            if [*map(shown, alarm.get("AlarmActions", []))] != [STARTS[name]]:
                yield f"{name} starts nothing"
            continue
        if alarm["TreatMissingData"] != "notBreaching":
            yield f"{name} is never quiet"
        if alarm.get("AlarmActions") != TOLD or alarm.get("OKActions") != TOLD:
            yield f"{name} tells nobody"
        if "Metrics" in alarm:
            continue
        (dimension,) = alarm["Dimensions"]
        watched.add((alarm["Namespace"], alarm["MetricName"], shown(dimension["Value"])))
        if (alarm["Threshold"], alarm["ComparisonOperator"]) != (0, "GreaterThanThreshold"):
            yield f"{name} bears with some"
        if dimension["Name"] == "service" and of_metrics(template) != {STACK}:
            yield f"{name} looks at a metric that no function has"
    yield from map(str, WATCHED ^ watched)


def blocked_records_that_nobody_hears_of(template: Template) -> Iterator[str]:
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    (alarm,) = [alarm for alarm in alarms if "Metrics" in alarm]
    percent, *counted = alarm["Metrics"]
    seen = {each["Id"]: each["MetricStat"]["Metric"] for each in counted}
    for ending in Ending:
        metric = seen.pop(ending.value, {})
        if metric.get("MetricName") != f"Records{ending.value.title()}":
            yield f"{ending} is not counted"
        elif [shown(each["Value"]) for each in metric["Dimensions"]] != [STACK]:
            yield f"{ending} of another stack is counted"
        if percent["Expression"].count(ending.value) < 2:
            yield f"{ending} is no part of the whole"
    yield from seen
    if [each["Id"] for each in alarm["Metrics"] if each["ReturnData"]] != [percent["Id"]]:
        yield "it looks at something else"
    if len({(each["MetricStat"]["Period"], each["MetricStat"]["Stat"]) for each in counted}) != 1:
        yield "parts of different times are compared"
    told = alarm["Threshold"], alarm["ComparisonOperator"]
    if told != ({"Ref": "BlockedPercent"}, "GreaterThanThreshold"):
        yield "nobody can say how many are too many"


def of_metrics(template: Template) -> set[str]:
    """What our own metrics have as their dimension."""
    functions = of_type(template, "AWS::Lambda::Function").values()
    variables = [function["Environment"]["Variables"] for function in functions]
    return {shown(names.get("POWERTOOLS_SERVICE_NAME")) for names in variables}


def jobs_that_nobody_looks_at(template: Template) -> Iterator[str]:
    rules = of_type(template, "AWS::Events::Rule")
    sweeps = [rule for rule in rules.values() if rule.get("ScheduleExpression") == SWEPT]
    swept = [shown(target["Arn"]) for rule in sweeps for target in rule["Targets"]]
    if swept != ["${SweepFunction.Arn}"]:
        yield "the sweeper is not called"
    function = template["Resources"]["SweepFunction"]["Properties"]
    if function["Timeout"] >= 300:
        yield "a sweep may last until the next"
    if template["Parameters"]["SweepMinutes"]["MinValue"] <= 15:
        yield "a worker may be silent for its whole life"


def a_batch_that_fails_as_a_whole(template: Template) -> Iterator[str]:
    for name, mapping in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} does not report which messages failed"
        if "MaximumConcurrency" not in mapping.get("ScalingConfig", {}):
            yield f"{name} is not bounded"
        if mapping.get("BatchSize", 10) > 10:
            yield f"{name} takes too many at once"
        if "FilterCriteria" in mapping:
            yield f"{name} would delete what does not match"


def an_inbox_that_hears_too_much_or_too_little(template: Template) -> Iterator[str]:
    rule = template["Resources"]["InboxRule"]["Properties"]
    if rule["EventPattern"] != {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "Bucket"}]},
            "object": {"key": [{"prefix": "inbox/"}]},
        },
    }:
        yield "the pattern is not: objects created under inbox/ of our bucket"
    for target in rule["Targets"]:
        if shown(target.get("DeadLetterConfig", {}).get("Arn")) != "${JobsDeadLetterQueue.Arn}":
            yield "undeliverable events are dropped"
        if "RetryPolicy" not in target:
            yield "retries are left to chance"


def batches_whose_end_nobody_hears_of(template: Template) -> Iterator[str]:
    rule = template["Resources"]["BatchRule"]["Properties"]
    if rule["EventPattern"] != {
        "source": ["aws.bedrock"],
        "detail-type": [BATCH_CHANGED],
        "detail": {
            "batchJobName": [{"prefix": NAME}],
            "status": sorted(ENDED, key=[*BatchStatus].index),
        },
    }:
        yield "the pattern is not: batches of ours that have ended"
    for target in rule["Targets"]:
        if (
            shown(target.get("DeadLetterConfig", {}).get("Arn"))
            != "${CompletionsDeadLetterQueue.Arn}"
        ):
            yield "undeliverable events are dropped"


def an_open_or_forgetful_bucket(template: Template) -> Iterator[str]:
    bucket = template["Resources"]["Bucket"]["Properties"]
    if bucket["VersioningConfiguration"] != {"Status": "Enabled"}:
        yield "not versioned"
    if set(bucket["PublicAccessBlockConfiguration"].values()) != {True}:
        yield "public access"
    if len(bucket["PublicAccessBlockConfiguration"]) != 4:
        yield "public access"
    if bucket["OwnershipControls"] != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
        yield "objects that others own"
    if not bucket["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"]:
        yield "nobody hears of a drop"


def what_never_expires(template: Template) -> Iterator[str]:
    rules = template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {
        rule["Prefix"]
        for rule in rules
        if rule["Status"] == "Enabled"
        and {"Prefix", "ExpirationInDays", "NoncurrentVersionExpiration"} <= rule.keys()
    }
    yield from EXPIRING ^ expiring
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
        yield "parts of unfinished uploads"


def tables_that_could_be_lost(template: Template) -> Iterator[str]:
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        if table.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield f"{name} cannot be put back to a point in time"
        if table["BillingMode"] != "PAY_PER_REQUEST":
            yield f"{name} has a capacity to guess"
    ledger = template["Resources"]["LedgerTable"]["Properties"]
    if "TimeToLiveSpecification" in ledger:
        yield "the ledger forgets"
    if not ledger.get("DeletionProtectionEnabled"):
        yield "the ledger can be deleted"


def what_goes_with_the_stack(template: Template) -> Iterator[str]:
    for name in KEPT:
        resource = template["Resources"][name]
        if resource.get("DeletionPolicy") != "RetainExceptOnCreate":
            yield f"{name} is deleted with the stack"
        if resource.get("UpdateReplacePolicy") != "Retain":
            yield f"{name} is deleted when it is replaced"


def what_lies_in_the_clear(template: Template) -> Iterator[str]:
    for name, group in of_type(template, "AWS::Logs::LogGroup").items():
        if shown(group.get("KmsKeyId")) != "${Key.Arn}":
            yield name
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        if shown(table.get("SSESpecification", {}).get("KMSMasterKeyId")) != "${Key.Arn}":
            yield name
    for name, holder in of_type(template, "AWS::SQS::Queue", "AWS::SNS::Topic").items():
        if shown(holder.get("KmsMasterKeyId")) not in {"${Key.Arn}", "${Key}"}:
            yield name
    (rule,) = template["Resources"]["Bucket"]["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    default = rule["ServerSideEncryptionByDefault"]
    if shown(default.get("KMSMasterKeyID")) != "${Key.Arn}" or not rule["BucketKeyEnabled"]:
        yield "Bucket"
    if not template["Resources"]["Key"]["Properties"]["EnableKeyRotation"]:
        yield "Key"


def functions_that_share_or_speak_freely(template: Template) -> Iterator[str]:
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        verb = name.removesuffix("Function")
        if shown(function["Role"]) != f"${{{verb}Role.Arn}}":
            yield f"{name} has somebody else's role"
        if shown(function.get("LoggingConfig", {}).get("LogGroup")) != f"${{{verb}LogGroup}}":
            yield f"{name} writes to somebody else's log"
        if function.get("TracingConfig") != {"Mode": "Active"}:
            yield f"{name} is not traced"
        if function["Runtime"] != "python3.13" or layers_of(function) != LAYERS.get(verb, ["Core"]):
            yield f"{name} runs on something else"
    for name, group in of_type(template, "AWS::Logs::LogGroup").items():
        if shown(group.get("RetentionInDays")) != "${LogRetentionDays}":
            yield f"{name} keeps log lines for ever"


def layers_of(function: Template) -> list[str]:
    """The layers of a function, without the digest that SAM puts behind their names."""
    return [shown(layer)[2:].partition("Layer")[0] for layer in function["Layers"]]


def histories_that_could_leak(template: Template) -> Iterator[str]:
    machine = template["Resources"]["JobStateMachine"]["Properties"]
    if machine["LoggingConfiguration"]["IncludeExecutionData"] is not False:
        yield "state goes to the log"
    if machine["LoggingConfiguration"]["Level"] not in {"ERROR", "ALL"}:
        yield "failures are not logged"
    if machine["TracingConfiguration"] != {"Enabled": True}:
        yield "not traced"
    if machine["StateMachineType"] != "STANDARD":
        yield "a workflow of five minutes"


def words_of_one_region_or_account(template: Template) -> Iterator[str]:
    """Literal partitions, Regions and accounts: the template is for all of them."""
    text = str([template["Resources"], template["Outputs"]])
    yield from (word for word in ("arn:aws:", "us-east-1", "000000000000") if word in text)


LOGS = "KeyPolicy.Statement.1"
CONTEXT = "kms:EncryptionContext:aws:logs:arn"
EVENTS = "NotificationConfiguration.EventBridgeConfiguration"
ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration.0"
BROKEN: list[tuple[Rule, str, object]] = [
    (undocumented_trust, "JobsQueuePolicy.PolicyDocument.Statement.0.Condition.ArnEquals", {}),
    (undocumented_trust, "JobsQueuePolicy.PolicyDocument.Statement.0.Condition.StringEquals", {}),
    (undocumented_trust, "JobsDeadLetterQueuePolicy.PolicyDocument.Statement.0.Condition", {}),
    (undocumented_trust, "JobStateMachineRole.AssumeRolePolicyDocument.Statement.0.Condition", {}),
    (key_use_by_logs_is_bound_to_our_groups, f"Key.{LOGS}.Condition", {}),
    (key_use_by_logs_is_bound_to_our_groups, f"Key.{LOGS}.Condition.ArnLike.{CONTEXT}", "*"),
    (plain_http, "BucketPolicy.PolicyDocument.Statement.0.Effect", "Allow"),
    (plain_http, "BucketPolicy.PolicyDocument.Statement.0.Resource", {"Fn::GetAtt": ["Bucket", "Arn"]}),
    (plain_http, "JobsQueuePolicy.PolicyDocument.Statement.1.Action", "sqs:SendMessage"),
    (plain_http, "JobsDeadLetterQueuePolicy.PolicyDocument.Statement.1.Condition.Bool", {}),
    (plain_http, "JobEventsTopicPolicy.PolicyDocument.Statement", []),
    (messages_that_would_be_lost, "JobsQueue.RedrivePolicy", {}),
    (messages_that_would_be_lost, "CompletionsQueue.RedrivePolicy", {}),
    (messages_that_would_be_lost, "CompletionsDeadLetterQueue.RedriveAllowPolicy", {"redrivePermission": "allowAll"}),
    (messages_that_would_be_lost, "JobsQueue.RedrivePolicy.maxReceiveCount", 1),
    (messages_that_would_be_lost, "JobsDeadLetterQueue.MessageRetentionPeriod", 345600),
    (messages_that_would_be_lost, "JobsDeadLetterQueue.RedriveAllowPolicy", {"redrivePermission": "allowAll"}),
    (events_that_would_be_lost, "JobEventsRule.EventPattern.detail-type", ["Job State Change"]),
    (events_that_would_be_lost, "JobEventsRule.EventPattern.detail", {}),
    (events_that_would_be_lost, "JobEventsRule.Targets.0.DeadLetterConfig", {}),
    (events_that_would_be_lost, "JobEventsDeadLetterQueue.MessageRetentionPeriod", 345600),
    (events_that_would_be_lost, "JobEventsDeadLetterQueue.RedriveAllowPolicy", {}),
    (what_nobody_hears_of, "JobsStuckAlarm.MetricName", "JobsStalled"),
    (what_nobody_hears_of, "JobsStuckAlarm.Threshold", 5),
    (what_nobody_hears_of, "EndpointWakeAlarm.AlarmActions", []),
    (what_nobody_hears_of, "JobsStalledAlarm.TreatMissingData", "breaching"),
    (what_nobody_hears_of, "ExecutionsFailedAlarm.AlarmActions", []),
    (what_nobody_hears_of, "SweepFunction.Environment.Variables.POWERTOOLS_SERVICE_NAME", "batchwright"),
    (what_nobody_hears_of, "RecordsBlockedAlarm.OKActions", []),
    (blocked_records_that_nobody_hears_of, "RecordsBlockedAlarm.Threshold", 10),
    (blocked_records_that_nobody_hears_of, "RecordsBlockedAlarm.Metrics.0.ReturnData", False),
    (blocked_records_that_nobody_hears_of, "RecordsBlockedAlarm.Metrics.0.Expression", "blocked"),
    (blocked_records_that_nobody_hears_of, "RecordsBlockedAlarm.Metrics.3.MetricStat.Stat", "Average"),
    (blocked_records_that_nobody_hears_of, "RecordsBlockedAlarm.Metrics.4.MetricStat.Metric.MetricName", "Reviews"),
    (jobs_that_nobody_looks_at, "SweepFunctionEveryFiveMinutes.ScheduleExpression", "rate(1 day)"),
    (jobs_that_nobody_looks_at, "SweepFunctionEveryFiveMinutes.Targets", []),
    (jobs_that_nobody_looks_at, "SweepFunction.Timeout", 900),
    (a_batch_that_fails_as_a_whole, "AdmitFunctionJobs.FunctionResponseTypes", []),
    (a_batch_that_fails_as_a_whole, "AdmitFunctionJobs.ScalingConfig", {}),
    (a_batch_that_fails_as_a_whole, "AdmitFunctionJobs.BatchSize", 100),
    (a_batch_that_fails_as_a_whole, "AdmitFunctionJobs.FilterCriteria", {}),
    (an_inbox_that_hears_too_much_or_too_little, "InboxRule.EventPattern.detail.object", {}),
    (an_inbox_that_hears_too_much_or_too_little, "InboxRule.Targets.0.DeadLetterConfig", {}),
    (batches_whose_end_nobody_hears_of, "BatchRule.EventPattern.detail.status", ["Completed"]),
    (batches_whose_end_nobody_hears_of, "BatchRule.EventPattern.detail.batchJobName", [{"prefix": "x"}]),
    (batches_whose_end_nobody_hears_of, "BatchRule.Targets.0.DeadLetterConfig", {}),
    (an_open_or_forgetful_bucket, "Bucket.VersioningConfiguration.Status", "Suspended"),
    (an_open_or_forgetful_bucket, "Bucket.PublicAccessBlockConfiguration.BlockPublicAcls", False),
    (an_open_or_forgetful_bucket, "Bucket.OwnershipControls.Rules", []),
    (an_open_or_forgetful_bucket, f"Bucket.{EVENTS}.EventBridgeEnabled", False),
    (what_never_expires, "Bucket.LifecycleConfiguration.Rules.0.Status", "Disabled"),
    (what_never_expires, "Bucket.LifecycleConfiguration.Rules.3.Prefix", "result/"),
    (what_never_expires, "Bucket.LifecycleConfiguration.Rules.7", {"Status": "Enabled"}),
    (tables_that_could_be_lost, "JobsTable.PointInTimeRecoverySpecification", {}),
    (tables_that_could_be_lost, "LedgerTable.DeletionProtectionEnabled", False),
    (tables_that_could_be_lost, "LedgerTable.TimeToLiveSpecification", {"AttributeName": "at"}),
    (what_lies_in_the_clear, f"Bucket.{ENCRYPTION}.ServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"}),
    (what_lies_in_the_clear, "JobsQueue.KmsMasterKeyId", "alias/aws/sqs"),
    (what_lies_in_the_clear, "JobEventsTopic.KmsMasterKeyId", "alias/aws/sns"),
    (what_lies_in_the_clear, "StateTable.SSESpecification", {"SSEEnabled": True}),
    (what_lies_in_the_clear, "PlanLogGroup.KmsKeyId", None),
    (what_lies_in_the_clear, "Key.EnableKeyRotation", False),
    (functions_that_share_or_speak_freely, "PlanFunction.Role", {"Fn::GetAtt": ["AdmitRole", "Arn"]}),
    (functions_that_share_or_speak_freely, "PlanFunction.LoggingConfig", {}),
    (functions_that_share_or_speak_freely, "CloseFunction.TracingConfig", {"Mode": "PassThrough"}),
    (functions_that_share_or_speak_freely, "PlanFunction.Layers.1", {"Ref": "CoreLayer0"}),
    (functions_that_share_or_speak_freely, "InvokeFunction.Layers", []),
    (functions_that_share_or_speak_freely, "CloseLogGroup.RetentionInDays", None),
    (histories_that_could_leak, "JobStateMachine.LoggingConfiguration.IncludeExecutionData", True),
    (histories_that_could_leak, "JobStateMachine.LoggingConfiguration.Level", "OFF"),
    (histories_that_could_leak, "JobStateMachine.TracingConfiguration.Enabled", False),
    (words_of_one_region_or_account, "InboxRule.Description", "arn:aws:events:us-east-1"),
]  # fmt: skip
RULES = [*dict.fromkeys(rule for rule, _, _ in BROKEN), what_goes_with_the_stack]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_has_no(rule: Rule, expanded: Template) -> None:
    assert sorted(rule(expanded)) == []


@pytest.mark.parametrize(
    ("rule", "place", "value"),
    BROKEN,
    ids=[f"{rule.__name__}-{place}" for rule, place, _ in BROKEN],
)
def test_a_broken_template_is_seen(
    rule: Rule, place: str, value: object, expanded: Template
) -> None:
    assert sorted(rule(with_change(expanded, place, value))) != []


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("policy", ["DeletionPolicy", "UpdateReplacePolicy"])
def test_it_is_seen_when_something_would_go_with_the_stack(
    expanded: Template, name: str, policy: str
) -> None:
    broken = copy.deepcopy(expanded)
    del broken["Resources"][name][policy]

    assert list(what_goes_with_the_stack(broken)) != []
