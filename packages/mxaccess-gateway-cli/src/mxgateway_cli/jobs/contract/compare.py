"""Compare the contract of this client with that of a gateway, and write ours to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway.contract import (
    compare,
    contract_of,
    fetch_descriptors,
    our_contract,
    our_descriptors,
    read_descriptors,
)
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.contract.uses import affected_commands
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.layouts import Layout, print_all

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    from mxgateway.contract import Difference
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["compare_with_file", "compare_with_gateway", "export_contract"]


def compare_with_file(path: str, output: Output) -> None:
    """Print the differences between our contract and the descriptor set in a file.

    Raises:
        MxGatewayConfigurationError: The file cannot be used.
        CommandFailure: There are differences.
    """
    _print_differences(read_descriptors(path), path, output)


async def compare_with_gateway(gateway: Gateway, output: Output) -> None:
    """Print the differences between our contract and that of a running gateway.

    Raises:
        click.UsageError: The options name several gateways.
        MxGatewayError: The gateway cannot be reached, or does not send its contract.
        CommandFailure: There are differences.
    """
    if gateway.options.endpoints:
        raise click.UsageError("the contract is compared with one gateway: give one --endpoint")
    with output.spinner("requesting the contract"):
        descriptors = await fetch_descriptors(gateway.options)
    _print_differences(descriptors, gateway.options.endpoint, output)


def export_contract(path: str, output: Output) -> None:
    """Write our contract to a file, as a FileDescriptorSet with its imports.

    Raises:
        click.UsageError: The file cannot be written.
    """
    descriptors = our_descriptors()
    try:
        Path(path).write_bytes(descriptors.SerializeToString(deterministic=True))
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror or type(error).__name__}") from error
    packages = list(our_contract())
    output.result({"file": path, "packages": packages}, f"wrote {' and '.join(packages)} to {path}")


def _print_differences(descriptors: FileDescriptorSet, source: str, output: Output) -> None:
    differences = [_Affecting(each) for each in compare(our_contract(), contract_of(descriptors, source))]
    print_all(output, _DIFFERENCES, differences)
    if differences:
        count = f"{len(differences)} difference{'' if len(differences) == 1 else 's'}"
        raise CommandFailure(f"{count} between the contract of mxgw-py and {source}", ExitStatus.FAILED)
    output.diagnostics.note(f"no difference between the contract of mxgw-py and {source}")


class _Affecting:
    """A difference and the commands that it affects."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        self.commands = affected_commands(difference)

    @property
    def names(self) -> str:
        """The commands in one text."""
        return ", ".join(self.commands)


def _record(affecting: _Affecting) -> dict[str, Any]:
    difference = affecting.difference
    facts = {"fact": difference.fact, "here": difference.here, "there": difference.there}
    return {
        "difference": str(difference),
        "kind": difference.kind,
        "name": difference.name,
        **{key: fact for key, fact in facts.items() if fact is not None},
        "commands": affecting.commands,
    }


_DIFFERENCES: Final[Layout[_Affecting]] = Layout(
    columns=(Column(name="difference", is_flexible=True), Column(name="affects", is_flexible=True)),
    cells=lambda affecting: (str(affecting.difference), affecting.names),
    line=lambda affecting, _: f"{affecting.difference}; affects {affecting.names or 'no command'}",
    values=lambda affecting: (str(affecting.difference),),
    record=_record,
)
