"""Contracts as they lie in files: YAML, whose every fault is told with its place and what is wanted there."""

import rfc8785
import yaml
from pydantic import ValidationError

from batchwright.contract import Contract
from batchwright.document import COLUMNS, JOINED
from batchwright.errors import ContractInvalid

LARGEST_CONTRACT = 256 * 1024


def read_contract(text: bytes, *, name: str) -> Contract:
    """Read a contract's YAML.

    Raises :class:`ContractInvalid` with every fault's path and what is wanted there, or the line of a YAML fault.
    """
    if len(text) > LARGEST_CONTRACT:
        raise ContractInvalid(f"contract {name!r} is larger than {LARGEST_CONTRACT:,} bytes")
    try:
        fields = yaml.safe_load(text)
        contract = Contract.model_validate(fields)
        contract.digest()
    except ValidationError as fault:
        raise ContractInvalid(f"contract {name!r}: {_faults(fault)}") from None
    except rfc8785.CanonicalizationError:
        raise ContractInvalid(
            f"contract {name!r} holds a number that JSON cannot carry exactly"
        ) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as fault:
        # YAML's own values, dates for one, raise whatever they like.
        raise ContractInvalid(f"contract {name!r} is not YAML{_place(fault)}") from None
    if contract.name != name:
        raise ContractInvalid(
            f"the contract in {name}.yaml says name: {contract.name!r}; make them the same"
        )
    _check_templates(contract)
    return contract


def _place(fault: Exception) -> str:
    mark = getattr(fault, "problem_mark", None)
    return f": see line {mark.line + 1}, column {mark.column + 1}" if mark else " that can be read"


def _faults(fault: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(step) for step in error['loc']) or 'the file'}: {error['msg']}"
        for error in fault.errors(include_url=False, include_input=False, include_context=False)
    )


def _check_templates(contract: Contract) -> None:
    prompt, document = contract.prompt, contract.document
    if prompt is None:
        return
    columns = COLUMNS if document else None
    for name, text, known in (
        ("prompt.system", prompt.system, columns),
        ("prompt.user", prompt.user, columns),
        ("document.join", document and document.join, JOINED),
    ):
        if text:
            _check_template(name, text, known)


def _check_template(name: str, text: str, known: frozenset[str] | None) -> None:
    from batchwright.template import Template  # noqa: PLC0415 - jinja2 costs a cold start, and only prompts need it

    unknown = Template(text, name=name).columns - (known or frozenset())
    if known is not None and unknown:
        raise ContractInvalid(
            f"{name}: a document has no {min(unknown)!r}; it can use {', '.join(sorted(known))}"
        )
