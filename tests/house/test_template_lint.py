"""What scanners and the SAM transform can see of the template."""

import json
import tomllib
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from batchwright import natives
from batchwright.families import family_of
from batchwright.settings import Settings
from tests.house.cloudformation import ROOT, Template, names_used, number

LAPTOP_AND_CLOUD = ("default", "local")


def findings(text: str) -> list[str]:
    matches = lint(text, config=ManualArgs(regions=["us-east-1"]))
    return [f"{match.rule.id} line {match.linenumber}: {match.message}" for match in matches]


def overrides(environment: str) -> dict[str, str]:
    """The parameters that samconfig.toml gives when this environment is deployed."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    given: list[str] = config["deploy"]["parameters"].get("parameter_overrides", [])
    return dict(pair.split("=", maxsplit=1) for pair in given)


def test_cfn_lint_finds_nothing_in_the_template_as_written() -> None:
    assert findings((ROOT / "template.yaml").read_text()) == []


def test_cfn_lint_finds_nothing_in_the_template_as_cloudformation_gets_it(
    expanded: Template,
) -> None:
    assert findings(json.dumps(expanded)) == []


def test_cfn_lint_is_awake(expanded: Template) -> None:
    text = json.dumps({"Resources": {"Bucket": expanded["Resources"]["Bucket"]}})

    found = findings(text.replace("BucketOwnerEnforced", "BucketOwnerAsked"))

    assert any("BucketOwnerAsked" in finding for finding in found)


def test_every_parameter_says_what_it_is_has_a_default_and_is_used(written: Template) -> None:
    used = names_used([written[part] for part in ("Conditions", "Globals", "Resources", "Outputs")])

    for name, parameter in written["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        assert "Default" in parameter, name
        assert name in used


def test_every_parameter_is_shown_in_one_group(written: Template) -> None:
    groups = written["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    shown = [name for group in groups for name in group["Parameters"]]

    assert sorted(shown) == sorted(written["Parameters"])


@pytest.mark.parametrize("environment", LAPTOP_AND_CLOUD)
def test_samconfig_gives_only_parameters_and_values_that_the_template_takes(
    written: Template, environment: str
) -> None:
    for name, value in overrides(environment).items():
        parameter = written["Parameters"][name]

        assert value in map(str, parameter.get("AllowedValues", [value]))
        if parameter["Type"] == "Number":
            assert parameter["MinValue"] <= int(value) <= parameter.get("MaxValue", int(value))


def test_the_laptop_may_ask_a_model_of_every_family() -> None:
    models = overrides("local")["ModelArns"].split(",")

    assert {family_of(model) for model in models} == set(natives.NAMES)


@pytest.mark.parametrize("environment", LAPTOP_AND_CLOUD)
def test_a_message_is_hidden_for_six_times_as_long_as_admit_may_take(
    expanded: Template, environment: str
) -> None:
    given = overrides(environment)
    resources = expanded["Resources"]

    hidden = number(resources["JobsQueue"]["Properties"]["VisibilityTimeout"], expanded, given)
    admitting = number(resources["AdmitFunction"]["Properties"]["Timeout"], expanded, given)

    assert hidden >= 6 * admitting


@pytest.mark.parametrize("environment", LAPTOP_AND_CLOUD)
def test_a_layer_is_built_for_the_architecture_that_it_is_deployed_to(environment: str) -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]

    built = config["build"]["parameters"].get("parameter_overrides", [])
    deployed = config["deploy"]["parameters"].get("parameter_overrides", [])

    assert [pair for pair in deployed if pair.startswith("Architecture=")] == built


def test_every_function_is_a_handler_of_the_same_name(expanded: Template) -> None:
    functions = {
        name: resource["Properties"]["Handler"]
        for name, resource in expanded["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }

    for name, handler in functions.items():
        verb = name.removesuffix("Function").lower()
        assert handler == f"{verb}.handler"
        assert Path(ROOT, "functions", f"{verb}.py").is_file()


def environment_of(function: Template) -> set[str]:
    variables: set[str] = function["Properties"]["Environment"]["Variables"].keys()
    return {name for name in variables if not name.startswith("POWERTOOLS_")}


def test_the_settings_read_every_variable_that_a_function_is_given(expanded: Template) -> None:
    read = {name.upper(): field for name, field in Settings.model_fields.items()}
    given = [
        environment_of(resource)
        for resource in expanded["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]

    assert set().union(*given) == read.keys() - {"AWS_REGION"}, "that one is Lambda's own"
    for names in given:
        assert names >= {name for name, field in read.items() if field.is_required()}


def test_the_command_and_the_emulator_find_what_they_look_for(written: Template) -> None:
    assert set(written["Outputs"]) == {
        "AllowedModels",
        "BucketName",
        "CheckpointBucketName",
        "DaysOfQuarantine",
        "DaysOfWork",
        "DaysOfResults",
        "EndpointName",
        "EndpointsFailedTopicArn",
        "EndpointsSucceededTopicArn",
        "JobEventsTopicArn",
        "JobsDeadLetterQueueUrl",
        "JobsQueueUrl",
        "JobsTableName",
        "LedgerKeyId",
        "LedgerName",
        "LedgerTableName",
        "ReviewerPolicyArn",
        "StateMachineArn",
    }
