"""What `sam build` leaves out of the layers: bytecode. Lambda's disk is read-only, so no function can keep its own.

Without it every cold start compiles all that it imports: a second and more of a vCPU. `make build` ends with this
program, and so does the build for the laptop.
"""

import re
import shutil
import sys
from compileall import compile_dir
from pathlib import Path
from py_compile import PycInvalidationMode

# Plan has both layers, and Lambda takes 250 MB unzipped. No function imports these of Powertools, nor the headers.
NOT_IMPORTED = re.compile(
    r"/aws_lambda_powertools/(event_handler"
    r"|utilities/(?!batch|circuit_breaker|data_classes|jmespath_utils|typing|__init__))"
)
NOT_USED = ("include", "src", "tests")


def add_bytecode(build: Path) -> None:
    """Write the core layer's bytecode beside its sources, and take from the other what makes room for it."""
    for name in NOT_USED:
        shutil.rmtree(build / "ParquetLayer/python/pyarrow" / name, ignore_errors=True)
    layer = build / "CoreLayer"
    done = compile_dir(
        layer / "python",
        rx=NOT_IMPORTED,
        quiet=1,
        stripdir=str(layer),
        prependdir="/opt",
        # Not held against the source, whose time a zip does not keep.
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise RuntimeError(f"{layer} holds what does not compile")


if __name__ == "__main__":
    add_bytecode(Path(sys.argv[1]))
