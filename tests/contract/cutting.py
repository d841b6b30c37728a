"""Answers of AWS that are cut on their way: boto3 reads a success of them, in which nothing stands."""

from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders


class _Nothing:
    """The body of an answer of which nothing came."""

    def stream(self) -> Iterator[bytes]:
        yield b""


def cut[Client](client: Client) -> Client:
    """Return a client all of whose calls succeed, and whose answers are cut before their first byte."""

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, HTTPHeaders(), _Nothing())

    events: Any = client
    events.meta.events.register_first("before-send", answer)  # before moto does
    return client
