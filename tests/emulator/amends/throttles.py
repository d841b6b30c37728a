"""A workflow is told of a throttled Lambda function by AWS's name for it, `Lambda.TooManyRequestsException`.

ministack says `Lambda.Unknown`, and a workflow would retry it as if the function had died.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions

from tests.emulator.amends import amend

THROTTLED = "TooManyRequestsException"


@amend(stepfunctions, "_call_lambda")
def _(call: Callable[..., Any]) -> Callable[..., Any]:
    def call_and_name(*args: Any) -> Any:
        try:
            return call(*args)
        except stepfunctions._ExecutionError as fault:
            if f'"__type": "{THROTTLED}"' not in fault.cause:
                raise
            raise stepfunctions._ExecutionError(f"Lambda.{THROTTLED}", fault.cause) from None

    return call_and_name
