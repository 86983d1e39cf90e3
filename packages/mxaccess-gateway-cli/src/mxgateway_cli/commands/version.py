"""`version`: which releases work together here."""

from __future__ import annotations

from typing import Any

import click

from mxgateway_cli._version import VERSION
from mxgateway_cli.connecting.gateway_command import declared
from mxgateway_cli.output.console import Output, output_options

__all__ = ["version"]


@click.pass_context
def _version(context: click.Context, /, **parameters: Any) -> None:
    """Print the version of mxgw-py; on a terminal and with --json those of everything that it stands on.

    Needs no gateway.
    """
    output = Output.taken_from(context, parameters)
    if not (output.as_json or output.terminal):
        output.line(f"mxgw-py {VERSION}")
        return
    # Imported here: the plain version must not have to wait for grpc.
    from mxgateway_cli.jobs.versions import versions  # noqa: PLC0415

    output.result(versions(), VERSION)


version = declared("version", output_options, schema="version")(_version)
