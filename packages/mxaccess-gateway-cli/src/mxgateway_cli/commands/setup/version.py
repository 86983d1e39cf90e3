"""The command `version`, which prints the versions of mxgw-py and its dependencies."""

from __future__ import annotations

from typing import Any

import click

from mxgateway_cli._version import VERSION
from mxgateway_cli.connecting.gateway_command import build_command
from mxgateway_cli.output.console import Output
from mxgateway_cli.output.settings import OutputFormat, output_options

__all__ = ["version"]


@click.pass_context
def _version(context: click.Context, /, **parameters: Any) -> None:
    """Print the version of mxgw-py. On a terminal and with --json, print those of its dependencies as well.

    Needs no gateway.
    """
    output = Output.from_parameters(context, parameters)
    if output.format is OutputFormat.LINES:
        output.line(f"mxgw-py {VERSION}")
    elif output.format is OutputFormat.VALUE:
        output.value(VERSION)
    else:
        output.result(_versions(), VERSION)


def _versions() -> dict[str, Any]:
    # Imported late because the plain version needs none of them, and they load slowly.
    import platform  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415

    from mxgateway import GATEWAY_PROTOCOL_VERSION  # noqa: PLC0415

    return {
        "version": VERSION,
        "client": metadata.version("mxaccess-gateway-client"),
        "proto": metadata.version("mxaccess-gateway-proto"),
        "gatewayProtocolVersion": GATEWAY_PROTOCOL_VERSION,
        "grpcio": metadata.version("grpcio"),
        "protobuf": metadata.version("protobuf"),
        "python": platform.python_version(),
    }


version = build_command("version", output_options, schema="version")(_version)
