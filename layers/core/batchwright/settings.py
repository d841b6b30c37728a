"""What the functions are told by their environment."""

import os

from pydantic import BaseModel, ConfigDict, PositiveInt

from batchwright.prices import GEOGRAPHY

# What template.yaml deploys where nobody says otherwise; tests/house holds both equal.
CHUNK_RECORDS = 1000
BATCH_JOBS = 20
MODEL_ARNS = (
    "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0,"
    "arn:aws:bedrock:*:*:inference-profile/us.amazon.nova-lite-v1:0,"
    "arn:aws:bedrock:*:*:inference-profile/eu.amazon.nova-lite-v1:0,"
    "arn:aws:bedrock:*:*:inference-profile/apac.amazon.nova-lite-v1:0,"
    "arn:aws:bedrock:*::foundation-model/amazon.titan-embed-text-v2:0"
)


class Settings(BaseModel):
    """The environment variables that template.yaml sets; a wrong one fails before the first event."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper)

    bucket: str
    jobs_table: str
    model_arns: str
    """The models that may be asked, as ARNs joined by commas."""
    state_machine_arn: str = ""
    """Only admit and sweep have it."""
    chunk_records: PositiveInt = CHUNK_RECORDS
    max_concurrency: PositiveInt = 10
    in_flight: PositiveInt = 400
    state_table: str = ""
    """The workers have it, and who hands over, collects, wakes, cancels and closes."""
    sweep_minutes: PositiveInt = 20
    """How long a job may give no sign of life; a worker lives 15 minutes."""
    result_retention_days: PositiveInt = 90
    """A job's row lives as long as its results."""
    quarantine_retention_days: PositiveInt = 7
    work_retention_days: PositiveInt = 30
    ledger_table: str = ""
    """Only close, admit and sweep have it; close has what follows."""
    ledger_key: str = ""
    """The id of the key that signs checkpoints."""
    ledger_name: str = ""
    """The ledger's origin: in checkpoints it says whose they are."""
    copy_checkpoints_to: str = ""
    """Buckets besides the stack's own, joined by commas."""
    endpoint_urls: str = ""
    """The endpoints that may be asked besides Bedrock, joined by commas."""
    batch_jobs: PositiveInt = BATCH_JOBS
    """How many batches of one model may run at once."""
    batch_role_arn: str = ""
    """What Bedrock's batch inference takes on to read and write the bucket; only submit has it."""
    bucket_key: str = ""
    """The key that the bucket is encrypted under; only submit and admit have it."""
    aws_region: str = ""

    @property
    def endpoints(self) -> list[str]:
        """The base URLs that routes may have."""
        return [url.strip() for url in self.endpoint_urls.split(",") if url.strip()]

    @property
    def checkpoint_buckets(self) -> list[str]:
        """Where signed checkpoints are kept besides."""
        return [bucket for bucket in self.copy_checkpoints_to.split(",") if bucket]

    @property
    def models(self) -> tuple[str, ...]:
        """What may be asked, patterns allowed, those of the Region's own geography first."""
        return models_of(self.model_arns, self.aws_region)


def models_of(arns: str, region: str) -> tuple[str, ...]:
    """Return the names by which the models behind ARNs, joined by commas, may be asked.

    Foundation models and inference profiles are asked by their id, the ARN's last part; everything else that Bedrock
    serves, and these too, by the ARN itself. Profiles of the Region's geography come first, since only they can be
    asked in it, then what has no geography, then the rest.

    >>> models_of("arn:aws:bedrock:*:*:inference-profile/us.a.b", "us-east-1")
    ('us.a.b', 'arn:aws:bedrock:*:*:inference-profile/us.a.b')
    """
    names = [name for arn in arns.split(",") for name in _names(arn.strip())]
    own = {"ap": "apac."}.get(region.partition("-")[0], f"{region.partition('-')[0]}.")

    def order(name: str) -> int:
        if name.startswith("arn:"):
            return 3
        return 0 if name.startswith(own) else 2 if GEOGRAPHY.match(name) else 1

    return tuple(dict.fromkeys(sorted(names, key=order)))


def _names(arn: str) -> list[str]:
    kind, model_id = arn.rsplit("/", 1)[0].rsplit(":", 1)[-1], arn.rsplit("/", 1)[-1]
    by_id = kind in {"foundation-model", "inference-profile"}
    return [model_id, arn] if by_id else [arn] if arn else []


def read_settings() -> Settings:
    """Read the environment."""
    return Settings.model_validate(dict(os.environ))
