"""The command `contract`, which compares the contract of mxgw-py with that of a gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mxgateway_cli.connecting.gateway_command import RUNNER_KEY, build_command
from mxgateway_cli.connecting.target import Target, connection_options
from mxgateway_cli.help import option
from mxgateway_cli.output.console import Output
from mxgateway_cli.output.settings import output_options

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway

__all__ = ["contract"]


@click.pass_context
def _contract(
    context: click.Context, /, file: str | None, *, live: bool, export: str | None, **parameters: Any
) -> None:
    """Compare the contract of mxgw-py with that of a gateway, and print each difference and the commands it affects.

    The gateway's contract is read from FILE, a FileDescriptorSet, or with --live from the running gateway, over gRPC
    server reflection. The status is 1 if there are differences. "Here" is mxgw-py, "there" is the gateway. With
    --export, writes the contract of mxgw-py to a file instead.
    """
    output = Output.from_parameters(context, parameters)
    target = Target.from_parameters(context, parameters)
    if sum((file is not None, live, export is not None)) != 1:
        raise click.UsageError("give FILE, --live or --export FILE, and only one of them", context)
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.contract.compare import (  # noqa: PLC0415
        compare_with_file,
        compare_with_gateway,
        export_contract,
    )

    if file is not None:
        compare_with_file(file, output)
    elif export is not None:
        export_contract(export, output)
    else:
        from mxgateway_cli.connecting.client import run_with_gateway  # noqa: PLC0415

        def compare(gateway: Gateway) -> Any:
            return compare_with_gateway(gateway, output)

        context.meta.get(RUNNER_KEY, run_with_gateway)(target, output, compare)


contract = build_command(
    "contract",
    click.argument("file", metavar="[FILE]", required=False),
    option("--live", is_flag=True, environment=False, help="Compare with the gateway at --endpoint."),
    option("--export", metavar="FILE", environment=False, help="Write the contract of mxgw-py to this file instead."),
    connection_options,
    output_options,
    schema="contract",
)(_contract)
