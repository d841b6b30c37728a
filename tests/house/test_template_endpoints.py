"""The endpoint that the template may make: nothing unasked, nothing unheard, awake when needed and asleep when not."""

import copy
from collections.abc import Callable, Iterator

import pytest

from batchwright.places import ENDPOINTS
from tests.house.cloudformation import Template, of_type, shown, with_change

type Rule = Callable[[Template], Iterator[str]]

BY_THE_HOUR = ("AWS::SageMaker::", "AWS::ApplicationAutoScaling::")
TOPICS = {"EndpointsSucceededTopic", "EndpointsFailedTopic"}


def what_is_paid_for_without_a_wish(template: Template) -> Iterator[str]:
    if (
        template["Parameters"]["EndpointImage"]["Default"]
        or template["Parameters"]["EndpointArns"]["Default"]
    ):
        yield "an endpoint by default"
    for name, resource in template["Resources"].items():
        if (
            resource["Type"].startswith(BY_THE_HOUR)
            and resource.get("Condition") != "MakesEndpoint"
        ):
            yield name


def answers_that_nobody_would_find(template: Template) -> Iterator[str]:
    config = template["Resources"]["EndpointConfig"]["Properties"]["AsyncInferenceConfig"]
    output = config["OutputConfig"]
    places = {shown(output["S3OutputPath"]), shown(output["S3FailurePath"])}
    if places != {f"s3://${{Bucket}}/{ENDPOINTS}{name}" for name in ("output", "failure")}:
        yield "they lie elsewhere"
    if shown(output["KmsKeyId"]) != "${Key.Arn}":
        yield "they lie in the clear"
    told = output["NotificationConfig"]
    if (shown(told["SuccessTopic"]), shown(told["ErrorTopic"])) != (
        "${EndpointsSucceededTopic}",
        "${EndpointsFailedTopic}",
    ):
        yield "their ends are told elsewhere"


def ends_that_nobody_hears_of(template: Template) -> Iterator[str]:
    heard = set()
    for name, subscription in of_type(template, "AWS::SNS::Subscription").items():
        heard.add(shown(subscription["TopicArn"])[2:-1])
        if shown(subscription["Endpoint"]) != "${CompletionsQueue.Arn}":
            yield f"{name} tells somebody else"
        if subscription.get("RawMessageDelivery") is not True:
            yield f"{name} wraps what wake reads"
        letters = subscription.get("RedrivePolicy", {}).get("deadLetterTargetArn")
        if shown(letters) != "${CompletionsDeadLetterQueue.Arn}":
            yield f"{name} drops what cannot be delivered"
    yield from TOPICS ^ heard


def an_endpoint_that_never_wakes_or_never_sleeps(template: Template) -> Iterator[str]:
    resources = {name: each["Properties"] for name, each in template["Resources"].items()}
    if resources["EndpointScaling"]["MinCapacity"] != 0:
        yield "it never sleeps"
    tracked = resources["EndpointBacklogPolicy"]["TargetTrackingScalingPolicyConfiguration"]
    if (
        tracked["CustomizedMetricSpecification"]["MetricName"]
        != "ApproximateBacklogSizePerInstance"
    ):
        yield "it grows by something else than what waits"
    alarm, wake = resources["EndpointWakeAlarm"], resources["EndpointWakePolicy"]
    if alarm["MetricName"] != "HasBacklogWithoutCapacity" or alarm["Threshold"] != 1:
        yield "nobody sees that it is lacking"
    (step,) = wake["StepScalingPolicyConfiguration"]["StepAdjustments"]
    if step != {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}:
        yield "it does not wake"
    metrics = (alarm, tracked["CustomizedMetricSpecification"])
    watched = {shown(metric["Dimensions"][0]["Value"]) for metric in metrics}
    if watched != {"${Endpoint.EndpointName}"}:
        yield "another endpoint is watched"


OUTPUT = "EndpointConfig.AsyncInferenceConfig.OutputConfig"
TRACKED = "EndpointBacklogPolicy.TargetTrackingScalingPolicyConfiguration"
WAKE = "EndpointWakePolicy.StepScalingPolicyConfiguration"
BROKEN: list[tuple[Rule, str, object]] = [
    (answers_that_nobody_would_find, f"{OUTPUT}.S3OutputPath", "s3://elsewhere/output"),
    (answers_that_nobody_would_find, f"{OUTPUT}.KmsKeyId", "alias/aws/s3"),
    (answers_that_nobody_would_find, f"{OUTPUT}.NotificationConfig.ErrorTopic", {"Ref": "JobEventsTopic"}),
    (ends_that_nobody_hears_of, "EndpointsFailedSubscription.TopicArn", {"Ref": "EndpointsSucceededTopic"}),
    (ends_that_nobody_hears_of, "EndpointsFailedSubscription.RawMessageDelivery", False),
    (ends_that_nobody_hears_of, "EndpointsSucceededSubscription.RedrivePolicy", {}),
    (an_endpoint_that_never_wakes_or_never_sleeps, "EndpointScaling.MinCapacity", 1),
    (an_endpoint_that_never_wakes_or_never_sleeps, "EndpointWakeAlarm.MetricName", "Invocations"),
    (an_endpoint_that_never_wakes_or_never_sleeps, f"{TRACKED}.CustomizedMetricSpecification.MetricName", "Backlog"),
    (an_endpoint_that_never_wakes_or_never_sleeps, f"{WAKE}.StepAdjustments", [{}]),
]  # fmt: skip
RULES = [*dict.fromkeys(rule for rule, _, _ in BROKEN), what_is_paid_for_without_a_wish]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_has_no(rule: Rule, expanded: Template) -> None:
    assert sorted(rule(expanded)) == []


@pytest.mark.parametrize(("rule", "place", "value"), BROKEN)
def test_a_broken_template_is_seen(
    rule: Rule, place: str, value: object, expanded: Template
) -> None:
    assert sorted(rule(with_change(expanded, place, value))) != []


@pytest.mark.parametrize("name", ["Endpoint", "EndpointConfig", "EndpointScaling"])
def test_it_is_seen_when_an_endpoint_would_be_made_unasked(expanded: Template, name: str) -> None:
    broken = copy.deepcopy(expanded)
    del broken["Resources"][name]["Condition"]

    assert list(what_is_paid_for_without_a_wish(broken)) == [name]
