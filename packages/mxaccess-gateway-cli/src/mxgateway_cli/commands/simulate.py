"""`simulate`: a simulated gateway as a process."""

from __future__ import annotations

from typing import Any

import click

from mxgateway_cli.connecting.gateway_command import declared
from mxgateway_cli.help import option
from mxgateway_cli.output.console import Output, output_options

__all__ = ["simulate"]


@click.pass_context
def _simulate(context: click.Context, /, **parameters: Any) -> None:
    """Run a simulated gateway until Ctrl-C or SIGTERM, which is status 0.

    Prints where it listens and an API key that it made, which may do everything. With --json the first line is
    {"endpoint": ..., "apiKey": ...}. It behaves as a gateway does, but proves nothing about a real one.
    """
    output = Output.taken_from(context, parameters)
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.jobs.simulate import Simulation, simulate_gateway  # noqa: PLC0415

    simulate_gateway(Simulation(**parameters), output)


simulate = declared(
    "simulate",
    option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on."),
    option(
        "--port",
        type=click.IntRange(0, 65535),
        default=0,
        show_default="any free one",
        metavar="PORT",
        help="The port to listen on.",
    ),
    option("--certificate-file", metavar="FILE", help="Listen with TLS: the PEM file with the gateway's certificate."),
    option("--key-file", metavar="FILE", help="The PEM file with its private key."),
    option("--client-ca-file", metavar="FILE", help="Let in only clients with a certificate from this CA (PEM)."),
    option("--plant-file", metavar="FILE", help="The Galaxy to simulate (TOML); by default the usual test tags."),
    output_options,
    schema="simulation",
)(_simulate)
