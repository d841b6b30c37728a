"""One call of a SageMaker asynchronous endpoint, and where its answer will lie."""

from dataclasses import dataclass

# docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
MOST_INLINE_BYTES = 128_000
SHORTEST_TTL, LONGEST_TTL = 60, 21_600
LONGEST_TIMEOUT = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCall:
    """What an endpoint is asked; the input is either given, or lies in our bucket."""

    endpoint: str
    inference_id: str
    """A label, 64 characters at most: a repeated call is made again all the same."""
    body: bytes | None = None
    """The input itself, where it is small enough."""
    input_key: str | None = None
    """The input in our bucket, where it is not."""
    content_type: str = "application/json"
    ttl: int
    """Seconds after which a call that still waits is given up."""
    timeout: int
    """Seconds that the container may take."""
    folder: str
    """Where under the endpoint's output path the answer goes (``S3OutputPathExtension``)."""
    filename: str
    """What the answer's object is called (``Filename``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where the answer to a call will lie in our bucket: one of the two."""

    output_key: str
    failure_key: str
