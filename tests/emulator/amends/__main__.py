"""Start ministack, amended. Its settings come by environment, as ministack documents them."""

import os

os.environ.pop(
    "PYTHONPATH", None
)  # brought this package here; the Lambda workers shall not see the repository

from ministack import app

from tests.emulator.amends import (  # noqa: F401 - to amend
    alarms,
    events,
    keys,
    objects,
    roles,
    services,
    throttles,
    tls,
    tokens,
    workers,
    workflow,
)

app.main()
