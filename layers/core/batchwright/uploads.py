"""Uploads in one run: whole at their end, or not there."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from batchwright.errors import BatchwrightError
from batchwright.ports import Upload


@contextmanager
def whole(upload: Upload) -> Iterator[Upload]:
    """Finish an upload at the end of the block; left by an exception, nothing is written."""
    try:
        yield upload
        upload.finish()
    except BaseException:
        with suppress(BatchwrightError):  # the lifecycle removes what is left
            upload.abort()
        raise
