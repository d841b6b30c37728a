"""What the functions are told by their environment."""

import os

from pydantic import BaseModel, ConfigDict, PositiveInt


class Settings(BaseModel):
    """The environment variables that template.yaml sets; a wrong one fails before the first event."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper)

    bucket: str
    jobs_table: str
    model_arns: str
    """The models that may be asked, as ARNs joined by commas."""
    state_machine_arn: str = ""
    """Only admit has it."""
    chunk_records: PositiveInt = 1000
    max_concurrency: PositiveInt = 10
    in_flight: PositiveInt = 200

    @property
    def models(self) -> tuple[str, ...]:
        """The ids, or patterns of ids, behind the ARNs: their last parts.

        An inference profile's ARN and those of the models behind it all count: each may be asked by its id.
        """
        ids = (arn.strip().rsplit("/", 1)[-1] for arn in self.model_arns.split(","))
        return tuple(dict.fromkeys(model_id for model_id in ids if model_id))


def read_settings() -> Settings:
    """Read the environment."""
    return Settings.model_validate(dict(os.environ))
