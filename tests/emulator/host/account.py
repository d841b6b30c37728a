"""The account whose files the host reads, whose roles it takes on and whose event bus it tells.

AWS's services reach an account as themselves. So does the host: its calls name the service, and the resource on whose
behalf it acts; `tests/emulator/amends/services.py` has ministack look at both.
"""

import json
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import partial
from threading import Lock
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

SERVICE_HEADER = "x-emulator-service"
SOURCE_ARN_HEADER = "x-amz-source-arn"  # as AWS's services send them for `aws:SourceArn`
SOURCE_ACCOUNT_HEADER = "x-amz-source-account"
_SAID: ContextVar[dict[str, str]] = ContextVar("said")
# What every call to the account may raise.
ACCOUNT_FAULTS = (ClientError, BotoCoreError)


class Account:
    """An account, wherever its services listen; its methods block."""

    def __init__(self, url: str | None = None, *, region: str = "us-east-1") -> None:
        """Without ``url``, boto3 decides where AWS is."""
        self.region = region
        self._url = url
        self._session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=region
        )
        self._making = Lock()  # a session makes one client at a time
        self._own: dict[str, Any] = {}
        """The clients that speak as a service, which costs much to make."""

    def files_of(self, role_arn: str, *, service: str, source: str) -> Any:
        """Return a client of S3 that has the rights of this role, and no others."""
        return self.clients_of(role_arn, service=service, source=source)("s3")

    def clients_of(
        self, role_arn: str | None, *, service: str, source: str
    ) -> Callable[[str], Any]:
        """Return what makes clients that have the rights of this role; without one, those of the root user."""
        if role_arn is None:
            return self._client
        calls = self._as_service("sts", service, source)
        assumed = calls.assume_role(RoleArn=role_arn, RoleSessionName=service.partition(".")[0])
        given = assumed["Credentials"]
        return partial(
            self._client,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    def tell(self, service: str, *, kind: str, source: str, detail: dict[str, Any]) -> None:
        """Put an event of the service on the account's default bus."""
        told = {
            "Source": f"aws.{service.partition('.')[0]}",
            "DetailType": kind,
            "Detail": json.dumps(detail),
            "Resources": [source],
        }
        self._as_service("events", service, source).put_events(Entries=[told])

    def _as_service(self, name: str, service: str, source: str) -> Any:
        """Return a client whose next calls in this context say which service calls, and for what."""
        _SAID.set(
            {
                SERVICE_HEADER: service,
                SOURCE_ARN_HEADER: source,
                SOURCE_ACCOUNT_HEADER: source.split(":")[4],
            }
        )
        if name not in self._own:
            client = self._client(name)
            client.meta.events.register("before-call", _say)
            self._own[name] = client
        return self._own[name]

    def _client(self, name: str, **credentials: str) -> Any:
        settled = Config(
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path"} if self._url else None,
        )
        with self._making:
            return cast("Any", self._session).client(
                name, endpoint_url=self._url, config=settled, **credentials
            )


def keys_below(files: Any, bucket: str, prefix: str) -> Iterable[dict[str, Any]]:
    """Yield the objects below a folder."""
    for page in files.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", ())


def _say(params: dict[str, Any], **_: Any) -> None:
    params["headers"].update(_SAID.get())
