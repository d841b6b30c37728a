"""Contracts as they lie in files: YAML, whose every fault is told with its place and what is wanted there."""

from collections.abc import Iterator
from dataclasses import dataclass

import rfc8785
import yaml
from pydantic import ValidationError

from batchwright.container import KNOWN
from batchwright.contract import Contract
from batchwright.contractfaults import Fault, faults_in, told_at
from batchwright.contractyaml import Composed, Misread, composed
from batchwright.document import COLUMNS, JOINED
from batchwright.errors import ContractInvalid

LARGEST_CONTRACT = 256 * 1024
# A message names so many; `batchwright contract check` names all.
MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was read: a contract that may be used, or everything that is wrong with it."""

    contract: Contract | None = None
    faults: tuple[Fault, ...] = ()


def read_contract(text: bytes, *, name: str) -> Contract:
    """Read a contract's YAML.

    Raises :class:`ContractInvalid` with every fault's path, line, and what is wanted there.
    """
    found = examine(text, name=name)
    if found.contract is not None:
        return found.contract
    told = [str(fault) for fault in found.faults[:MOST_TOLD]]
    if len(found.faults) > MOST_TOLD:
        told.append(f"and {len(found.faults) - MOST_TOLD} more")
    raise ContractInvalid(f"contract {name!r}: {'; '.join(told)}")


def examine(text: bytes, *, name: str) -> Examined:
    """Read a contract's YAML, or find what is wrong with it; ``name`` is what it must be called."""
    if len(text) > LARGEST_CONTRACT:
        return _at_fault(
            Fault(path="", line=None, message=f"it is larger than {LARGEST_CONTRACT:,} bytes")
        )
    try:
        source = composed(text)
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        return _at_fault(Fault(path="", line=None, message=f"it is not YAML{_place(fault)}"))
    if source.misread:
        return _at_fault(*(told_at(source, *each) for each in source.misread))
    return _examined(source, name)


def _examined(source: Composed, name: str) -> Examined:
    try:
        contract = Contract.model_validate(source.fields)
        contract.digest()
    except ValidationError as found:
        return _at_fault(*(told_at(source, *each) for each in faults_in(found)))
    except rfc8785.CanonicalizationError:
        message = "it holds a number that JSON cannot carry exactly: put it in quotes"
        return _at_fault(Fault(path="", line=None, message=message))
    except RecursionError:
        return _at_fault(Fault(path="", line=None, message="it is nested too deep"))
    faults = [*_faults_of_templates(contract)]
    if contract.name != name:
        message = f"{contract.name!r} stands here, and the file is {name}.yaml: make them the same"
        faults.append((("name",), message))
    if faults:
        return _at_fault(*(told_at(source, *each) for each in faults))
    return Examined(contract=contract)


def _at_fault(*faults: Fault) -> Examined:
    return Examined(faults=faults)


def _place(fault: Exception) -> str:
    mark = getattr(fault, "problem_mark", None)
    return f": see line {mark.line + 1}, column {mark.column + 1}" if mark else " that can be read"


def _faults_of_templates(contract: Contract) -> Iterator[Misread]:
    for number, route in enumerate(contract.routes):
        if route.body is not None and route.body.jinja is not None:
            fault = _fault_of_template("body.jinja", route.body.jinja, KNOWN, may_guard=False)
            if fault:
                yield ("routes", number, "body", "jinja"), fault
    prompt, document = contract.prompt, contract.document
    if prompt is None:
        return
    columns = COLUMNS if document else None
    guarded = contract.routes[0].guardrail is not None
    for name, text, known in (
        ("prompt.system", prompt.system, columns),
        ("prompt.user", prompt.user, columns),
        ("document.join", document and document.join, JOINED),
    ):
        may_guard = guarded and name == "prompt.user"
        fault = _fault_of_template(name, text, known, may_guard=may_guard) if text else None
        if fault:
            yield (*name.split("."),), fault


def _fault_of_template(
    name: str, text: str, known: frozenset[str] | None, *, may_guard: bool
) -> str | None:
    from batchwright.template import Template  # noqa: PLC0415 - jinja2 costs a cold start, and only prompts need it

    try:
        template = Template(text, name=name)
    except ContractInvalid as fault:
        return str(fault).removeprefix(f"{name}: ")
    if template.guards and not may_guard:
        return "guarded is for prompt.user, where the routes have a guardrail"
    unknown = template.columns - (known or frozenset())
    if known is not None and unknown:
        owner = "a request" if known is KNOWN else "a document"
        return f"{owner} has no {min(unknown)!r}; it can use {', '.join(sorted(known))}"
    return None
