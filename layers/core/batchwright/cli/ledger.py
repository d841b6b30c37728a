"""The ledger, brought here: its entries, its signed checkpoints and its public key."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchwright.checkpoint import PublicKey
from batchwright.places import LEDGER, PUBLIC_KEY, file_name

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

ENTRIES = "entries.jsonl"
KEY = "public-key.txt"
CHECKPOINTS = "checkpoints"


def bring(directory: Path, stack: "Stack") -> dict[str, Any]:
    """Write the whole ledger into a folder; return what it is.

    The checkpoints come first: they cover nothing that comes while the entries are read.
    """
    (directory / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    checkpoints = 0
    for key in stack.objects.keys(f"{LEDGER}checkpoints/"):
        (directory / CHECKPOINTS / file_name(key)).write_bytes(stack.objects.read(key))
        checkpoints += 1
    entries = 0
    with (directory / ENTRIES).open("wb") as opened:
        for each in stack.ledger.entries():
            opened.write(each.content + b"\n")
            entries += 1
    public_key = PublicKey.read(stack.objects.read(PUBLIC_KEY).decode())
    (directory / KEY).write_text(f"{public_key}\n", encoding="utf-8")
    return {
        "ledger": public_key.name,
        "entries": entries,
        "checkpoints": checkpoints,
        "public_key": str(public_key),
        "directory": str(directory),
    }


def brought(directory: Path) -> tuple[list[bytes], dict[str, str]]:
    """Read what :func:`bring` wrote: the entries, and the checkpoints by name."""
    entries = (directory / ENTRIES).read_bytes().splitlines()
    notes = {
        # What is no text is no checkpoint, as the audit says; what a desktop hides here is nobody's.
        f"{CHECKPOINTS}/{file.name}": file.read_text(encoding="utf-8", errors="replace")
        for file in sorted((directory / CHECKPOINTS).iterdir())
        if not file.name.startswith(".")
    }
    return entries, notes


def brought_key(directory: Path) -> str:
    """Read the public key that :func:`bring` wrote."""
    return (directory / KEY).read_text(encoding="utf-8", errors="replace")
