"""AWS is reached over TLS, and the template denies everything else; on loopback there is no wire to listen on."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.core import iam_evaluator

from tests.emulator.amends import amend

iam_evaluator._request_origin = ContextVar("request_origin", default=("127.0.0.1", True))


@amend(app, "pin_request_origin")
def _(pin: Callable[..., Any]) -> Callable[..., Any]:
    return lambda address, _secure: pin(address, secure_transport=True)
