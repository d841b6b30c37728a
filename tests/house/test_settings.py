"""What the package takes for granted of a stack that nobody configured is what the template says."""

from batchwright.aws.wiring import CONNECTIONS
from batchwright.logwriter import FLUSH_OUTCOMES
from batchwright.settings import BATCH_JOBS, CHUNK_RECORDS, MODEL_ARNS, Settings
from tests.house.cloudformation import Template


def test_the_defaults_of_the_package_are_those_of_the_template(written: Template) -> None:
    parameters = written["Parameters"]

    assert parameters["ModelArns"]["Default"] == MODEL_ARNS
    assert parameters["ChunkRecords"]["Default"] == CHUNK_RECORDS
    assert parameters["BatchJobs"]["Default"] == BATCH_JOBS
    for parameter, field in {"SweepMinutes": "sweep_minutes", "InFlight": "in_flight"}.items():
        assert parameters[parameter]["Default"] == Settings.model_fields[field].default
    assert parameters["InFlight"]["Default"] == FLUSH_OUTCOMES, "DECISIONS.md 69"


def test_who_falls_back_to_another_engine_has_file_descriptors_for_the_connections_to_both(
    written: Template,
) -> None:
    calls = 2 * written["Parameters"]["InFlight"]["Default"]
    s3_and_dynamodb = 2 * CONNECTIONS

    assert calls + s3_and_dynamodb < 1_024, "what a Lambda has"
