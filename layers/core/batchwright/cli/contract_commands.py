"""The subcommands of ``batchwright contract``, each a few lines."""

from typing import Annotated

import typer

from batchwright.cli import show
from batchwright.cli.arguments import Json, LocalFile, find_stack
from batchwright.cli.contracts import (
    check_contract,
    difference,
    digest_of,
    put_contract,
    stored_contract,
)
from batchwright.cli.faults import Code
from batchwright.contractschema import contract_schema
from batchwright.places import contract_key

contracts = typer.Typer(help="Contracts: prompt and policy in one file.", no_args_is_help=True)


@contracts.command("check")
def check_command(file: LocalFile, *, as_json: Json = False) -> int:
    """Say everything that is wrong with a contract, or doubtful, without AWS."""
    found, doubts = check_contract(file)
    if as_json:
        show.write_json(
            {
                "contract": found.contract.name if found.contract else None,
                "digest": digest_of(found),
                "faults": [fault.to_json() for fault in found.faults],
                "warnings": [advice.to_json() for advice in doubts],
            }
        )
    else:
        show.write_lines(
            [
                *(("fault", str(fault)) for fault in found.faults),
                *(("warning", str(advice)) for advice in doubts),
            ]
        )
        if found.contract:
            show.write_lines(
                [("contract", found.contract.name), ("digest", found.contract.digest())]
            )
    return Code.DONE if found.contract else Code.REFUSED


@contracts.command("put")
def put_command(file: LocalFile, *, as_json: Json = False) -> int:
    """Check a contract and put it into the stack under the name that it says."""
    stack = find_stack()
    contract = put_contract(file, stack)
    facts = {
        "contract": contract.name,
        "digest": contract.digest(),
        "address": stack.address(contract_key(contract.name)),
    }
    if as_json:
        show.write_json(facts)
    else:
        show.write_lines(facts.items())
    return Code.DONE


@contracts.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The contract's name.")],
    *,
    as_json: Json = False,
) -> int:
    """Print a contract as it stands in the stack."""
    stored = stored_contract(name, find_stack())
    if as_json:
        show.write_json(stored.to_json())
    else:
        show.write_text(stored.text)
        for fault in stored.examined.faults:
            typer.echo(f"batchwright: {fault}", err=True)
    return Code.DONE if stored.examined.contract else Code.REFUSED


@contracts.command("diff")
def diff_command(file: LocalFile, *, as_json: Json = False) -> int:
    """Say what a contract here says otherwise than the one of its name in the stack."""
    found = difference(file, find_stack())
    if as_json:
        show.write_json(found.to_json())
    else:
        show.write_lines([("here", found.here), ("stored", found.stored)])
        for line in found.lines:
            typer.echo(line)
    return Code.DONE if found.here == found.stored else Code.OTHERWISE


@contracts.command("schema")
def schema_command(*, as_json: Json = False) -> int:  # noqa: ARG001 - it is JSON anyway
    """Print the JSON Schema of contracts, for editors."""
    show.write_json(contract_schema())
    return Code.DONE
