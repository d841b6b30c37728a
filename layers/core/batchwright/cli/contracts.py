"""Contracts, as the command puts and finds them."""

import re
from pathlib import Path

import yaml

from batchwright.cli.stack import Stack
from batchwright.contract import (
    DEFAULT,
    LARGEST_CONTRACT,
    NAME,
    Contract,
    default_contract,
    read_contract,
)
from batchwright.errors import Missing, Refused
from batchwright.places import contract_key


def contract_named(name: str, stack: Stack) -> Contract:
    """Return the contract that admission will find by this name; raises :class:`Refused`."""
    if not re.match(NAME, name):
        raise Refused(
            "contract_not_found",
            f"{name!r} is no contract's name: lower-case letters, digits and - are wanted",
        )
    try:
        text = stack.objects.read(contract_key(name))
    except Missing:
        if name == DEFAULT:
            return default_contract(stack.models)
        raise Refused(
            "contract_not_found",
            f"there is no contract {name!r}; put it with: batchwright contract put {name}.yaml",
        ) from None
    return read_contract(text, name=name)


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
