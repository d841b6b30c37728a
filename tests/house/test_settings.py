"""What the package takes for granted of a stack that nobody configured is what the template says."""

from batchwright.settings import BATCH_JOBS, CHUNK_RECORDS, MODEL_ARNS, Settings
from tests.house.cloudformation import Template


def test_the_defaults_of_the_package_are_those_of_the_template(written: Template) -> None:
    parameters = written["Parameters"]

    assert parameters["ModelArns"]["Default"] == MODEL_ARNS
    assert parameters["ChunkRecords"]["Default"] == CHUNK_RECORDS
    assert parameters["BatchJobs"]["Default"] == BATCH_JOBS
    minutes = Settings.model_fields["sweep_minutes"].default
    assert parameters["SweepMinutes"]["Default"] == minutes
