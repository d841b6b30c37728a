"""Lambda names an error after its class, and unpacks a layer once for all workers.

In ministack everything that a handler raises is a `Runtime.HandlerError`, also the death of the worker, which is a
`RuntimeError` where it comes before the handler is loaded; and each cold start unpacks the layer anew and compiles all
of it: four seconds instead of one.
"""

import hashlib
import tempfile
import threading
import zipfile
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from tests.emulator.amends import amend

ANSWER = '"error": str(e), "trace"'
DIED = "Worker process died"
DIED_AT_START = "Worker process exited immediately"
raised: ContextVar[str | None] = ContextVar("raised", default=None)
unpacking = threading.Lock()


@amend(lambda_runtime, "_PYTHON_WORKER_SCRIPT")
def _(script: str) -> str:
    if script.count(ANSWER) != 1:
        msg = "ministack's Python worker answers otherwise than it did"
        raise RuntimeError(msg)
    return script.replace(ANSWER, '"type": type(e).__name__, ' + ANSWER)


@amend(lambda_runtime.Worker, "invoke")
def _(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoke_and_note(*args: Any, **rest: Any) -> Any:
        try:
            answer = invoke(*args, **rest)
        except RuntimeError as fault:
            if not str(fault).startswith(DIED_AT_START):
                raise
            answer = {"status": "error", "error": DIED, "cold_start": True, "log": ""}
        raised.set("Runtime.ExitError" if answer.get("error") == DIED else answer.get("type"))
        return answer

    return invoke_and_note


@amend(lambda_svc, "_execute_function_warm")
def _(execute: Callable[..., Any]) -> Callable[..., Any]:
    def execute_and_name(*args: Any) -> Any:
        raised.set(None)
        answer = execute(*args)
        if answer.get("error") and (named := raised.get()):
            answer["body"]["errorType"] = named
        return answer

    return execute_and_name


class UnpackedOnce(zipfile.ZipFile):
    """An archive that is unpacked into one place by content, and linked to where a worker wants it."""

    def extractall(self, path: Any = None, *rest: Any) -> None:
        """Unpack a layer; the code of a function, which is small, stays each worker's own."""
        if not Path(path).name.startswith("layer_"):
            super().extractall(path, *rest)
            return
        shelf = Path(tempfile.gettempdir(), "layers", self._digest())
        with unpacking:
            if not shelf.exists():
                fresh = tempfile.mkdtemp(prefix="layer-")
                super().extractall(fresh)
                shelf.parent.mkdir(exist_ok=True)
                Path(fresh).rename(shelf)
        Path(path).rmdir()
        Path(path).symlink_to(shelf, target_is_directory=True)

    def _digest(self) -> str:
        entries = ((entry.filename, entry.CRC) for entry in self.infolist())
        return hashlib.sha256(repr(sorted(entries)).encode()).hexdigest()


@amend(lambda_runtime, "zipfile")
def _(module: Any) -> Any:
    return SimpleNamespace(ZipFile=UnpackedOnce, BadZipFile=module.BadZipFile)
