import pytest

from batchwright.contract import default_contract
from batchwright.errors import ContractInvalid
from batchwright.record import Record
from batchwright.routing import route_for
from batchwright.settings import Settings, models_of
from tests.house import cloudformation

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"


def default_arns() -> str:
    return str(cloudformation.read()["Parameters"]["ModelArns"]["Default"])


@pytest.mark.parametrize(
    ("region", "first"),
    [
        ("us-east-1", "us.amazon.nova-lite-v1:0"),
        ("eu-west-1", "eu.amazon.nova-lite-v1:0"),
        ("ap-southeast-2", "apac.amazon.nova-lite-v1:0"),
        ("sa-east-1", "amazon.nova-lite-v1:0"),
    ],
)
def test_a_stack_asks_first_what_its_region_can_ask(region: str, first: str) -> None:
    assert default_contract(models_of(default_arns(), region)).routes[0].model == first


def test_what_has_no_id_of_its_own_is_asked_by_its_arn() -> None:
    models = models_of(PROFILE, "us-east-1")

    assert models == (PROFILE,)
    record = Record(record_id="r", model=PROFILE, input_tokens=1, shape=None)
    assert route_for(default_contract(models), record, models).model == PROFILE


def test_a_pattern_alone_says_nothing_about_whom_to_ask() -> None:
    models = models_of("arn:aws:bedrock:*::foundation-model/anthropic.*", "us-east-1")

    with pytest.raises(ContractInvalid, match="in a contract"):
        default_contract(models)
    assert "anthropic.*" in models


def test_a_missing_setting_fails_before_the_first_event() -> None:
    with pytest.raises(ValueError, match="JOBS_TABLE"):
        Settings.model_validate({"BUCKET": "b", "MODEL_ARNS": "a"})
