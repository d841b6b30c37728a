"""One worker as Lambda runs it: the deployed handler in a process of its own, one event, a deadline.

    python -m tests.chaos.worker SECONDS <chunk.json

What the handler logs goes to stderr, as in Lambda it goes elsewhere; its answer is the one line of stdout.
"""

import json
import sys
import time

from aws_lambda_powertools.utilities.typing import LambdaContext


class Context(LambdaContext):
    """What Lambda says of a call, its deadline above all."""

    def __init__(self, seconds: float) -> None:
        self._function_name = "invoke"
        self._memory_limit_in_mb = 512
        self._invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:invoke"
        self._aws_request_id = "request"
        self._ends = time.monotonic() + seconds

    # Powertools' stub of it is a static method.
    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return max(0, round((self._ends - time.monotonic()) * 1000))


def main() -> None:
    """Run the handler."""
    answer_to, sys.stdout = sys.stdout, sys.stderr
    from functions.invoke import handler  # noqa: PLC0415 - Powertools takes stdout when it is loaded

    answer = handler(json.load(sys.stdin), Context(float(sys.argv[1])))
    answer_to.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
