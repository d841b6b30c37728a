"""Contracts, as the command puts and finds them."""

from pathlib import Path

import yaml

from batchwright.cli.stack import Stack
from batchwright.contract import LARGEST_CONTRACT, Contract, read_contract
from batchwright.places import contract_key


def put_contract(file: Path, stack: Stack) -> Contract:
    """Check a contract and put it where jobs find it; raises :class:`ContractInvalid`."""
    with file.open("rb") as opened:
        text = opened.read(LARGEST_CONTRACT + 1)
    contract = read_contract(text, name=_own_name(text) or file.stem)
    stack.objects.write(contract_key(contract.name), text)
    return contract


def _own_name(text: bytes) -> str | None:
    try:
        fields = yaml.safe_load(text) if len(text) <= LARGEST_CONTRACT else None
    except (yaml.YAMLError, UnicodeDecodeError):
        return None  # reading it whole will say where the fault is
    name = fields.get("name") if isinstance(fields, dict) else None
    return name if isinstance(name, str) else None
