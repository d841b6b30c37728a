"""Contracts, as the command puts and finds them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from batchwright.contract import NAME, Contract
from batchwright.contractfile import LARGEST_CONTRACT, read_contract
from batchwright.errors import Refused
from batchwright.places import contract_key
from batchwright.suiting import LONGEST_NAME_SHOWN

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack


def put_contract(file: Path, stack: "Stack") -> Contract:
    """Check a contract and put it where jobs find it; raises :class:`ContractInvalid`."""
    text = _text(file)
    contract = read_contract(text, name=_own_name(text) or file.stem)
    stack.objects.write(contract_key(contract.name), text)
    return contract


def local_contract(name: str) -> Contract:
    """Read a contract that lies here, named by its path or by its name; raises :class:`Refused`."""
    places = [Path(name)]
    if re.fullmatch(NAME, name):
        places += [Path(f"{name}.yaml"), Path("contracts", f"{name}.yaml")]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise Refused(
            "contract_not_found",
            f"there is no contract {name[:LONGEST_NAME_SHOWN]!r} here; looked for"
            f" {', '.join(str(place) for place in places)}",
        )
    text = _text(file)
    return read_contract(text, name=_own_name(text) or file.stem)


def _text(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LARGEST_CONTRACT + 1)


def _own_name(text: bytes) -> str | None:
    try:
        fields = yaml.safe_load(text) if len(text) <= LARGEST_CONTRACT else None
    except (yaml.YAMLError, UnicodeDecodeError):
        return None  # reading it whole will say where the fault is
    name = fields.get("name") if isinstance(fields, dict) else None
    return name if isinstance(name, str) else None
