"""Contracts, as the command puts and finds them."""

import re
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from batchwright.cli.faults import Code, Halt
from batchwright.contract import DEFAULT, NAME, Contract, default_contract
from batchwright.contractadvice import advice_on
from batchwright.contractfaults import Fault
from batchwright.contractfile import LARGEST_CONTRACT, Examined, examine, read_contract
from batchwright.errors import LONGEST_NAME_SHOWN, Missing, Refused
from batchwright.filters.terms import with_lists
from batchwright.places import contract_key

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A contract as it stands in the stack, whether it reads or not."""

    name: str
    address: str | None
    """``None`` for the built-in one."""
    text: bytes
    examined: Examined

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "contract": self.name,
            "digest": digest_of(self.examined),
            "address": self.address,
            "text": self.text.decode(errors="replace"),
            "faults": [fault.to_json() for fault in self.examined.faults],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDiff:
    """What a contract here says otherwise than the one in the stack."""

    name: str
    here: str
    stored: str
    """Their digests."""
    lines: tuple[str, ...]
    """A unified diff of both in canonical form; none where they are the same."""

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "contract": self.name,
            "same": self.here == self.stored,
            "digest": self.here,
            "stored_digest": self.stored,
            "diff": [*self.lines],
        }


def put_contract(file: Path, stack: "Stack") -> Contract:
    """Check a contract and put it where jobs find it; raises :class:`ContractInvalid`."""
    text = _text(file)
    contract = read_contract(text, name=_own_name(text) or file.stem)
    stack.objects.write(contract_key(contract.name), text)
    return contract


def check_contract(file: Path) -> tuple[Examined, list[Fault]]:
    """Look at a contract that lies here, without AWS; return what is doubtful about it, too."""
    text = _text(file)
    found = examine(text, name=_own_name(text) or file.stem)
    return found, advice_on(text, found.contract) if found.contract else []


def stored_contract(name: str, stack: "Stack") -> Stored:
    """Return a contract of the stack, the built-in one, too; raises :class:`Refused` where there is none."""
    try:
        text = stack.objects.read(contract_key(name)) if re.fullmatch(NAME, name) else None
    except Missing:
        text = None
    if text is not None:
        return Stored(
            name=name,
            address=stack.address(contract_key(name)),
            text=text,
            examined=examine(text, name=name),
        )
    if name == DEFAULT:
        built_in = default_contract(stack.models)
        written = (
            f"# built in: it runs where no contract of this name was put\n{canonical(built_in)}"
        )
        examined = Examined(contract=built_in)
        return Stored(name=name, address=None, text=written.encode(), examined=examined)
    raise Refused(
        "contract_not_found",
        f"there is no contract {name[:LONGEST_NAME_SHOWN]!r} in the stack; put it with:"
        " batchwright contract put FILE",
    )


def difference(file: Path, stack: "Stack") -> ContractDiff:
    """Hold a contract that lies here against the one in the stack; raises :class:`Refused` where one does not read."""
    text = _text(file)
    here = read_contract(text, name=_own_name(text) or file.stem)
    found = stored_contract(here.name, stack)
    stored = found.examined.contract or read_contract(found.text, name=here.name)
    diff = unified_diff(
        canonical(stored).splitlines(),
        canonical(here).splitlines(),
        fromfile=found.address or "built in",
        tofile=str(file),
        lineterm="",
    )
    return ContractDiff(
        name=here.name, here=here.digest(), stored=stored.digest(), lines=tuple(diff)
    )


def canonical(contract: Contract) -> str:
    """Return a contract as YAML in which only what it says makes a difference, and no order or layout.

    The order in the answers' schema is something that it says.
    """
    fields = orjson.loads(orjson.dumps(contract.to_json(), option=orjson.OPT_SORT_KEYS))
    if contract.response is not None and contract.response.json_schema is not None:
        fields["response"]["schema"] = contract.response.json_schema
    written: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=1000)
    return written


def digest_of(examined: Examined) -> str | None:
    """Return the digest of what was read, if it may be used."""
    return examined.contract.digest() if examined.contract else None


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
    """Return a contract's text, with the lists that it names by file taken in."""
    with file.open("rb") as opened:
        text = opened.read(LARGEST_CONTRACT + 1)
    fields = _fields(text)
    whole = with_lists(fields, lambda name: _list(file.parent / name))
    if whole == fields:
        return text
    return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=1000).encode()


def _list(file: Path) -> bytes:
    content = file.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError:
        raise Halt(f"{file}: it is no text in UTF-8", Code.USAGE) from None
    return content


def _own_name(text: bytes) -> str | None:
    fields = _fields(text)
    name = fields.get("name") if isinstance(fields, dict) else None
    return name if isinstance(name, str) else None


def _fields(text: bytes) -> Any:
    try:
        return yaml.safe_load(text) if len(text) <= LARGEST_CONTRACT else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return None  # reading it whole will say where the fault is
