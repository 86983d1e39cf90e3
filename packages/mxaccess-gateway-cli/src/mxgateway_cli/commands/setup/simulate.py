"""The command `simulate`, which runs a simulated gateway."""

from __future__ import annotations

from typing import Any

import click

from mxgateway_cli.connecting.api_key import choose_api_key
from mxgateway_cli.connecting.gateway_command import build_command
from mxgateway_cli.help import option
from mxgateway_cli.output.console import Output
from mxgateway_cli.output.settings import output_options

__all__ = ["simulate"]


@click.pass_context
def _simulate(context: click.Context, /, **parameters: Any) -> None:
    """Run a simulated gateway until Ctrl-C or SIGTERM, then exit with status 0.

    Prints its endpoint and a generated API key with all scopes. With --json the first line is
    {"endpoint": ..., "apiKey": ...}. A key of your own, which a restart keeps, is not printed. It behaves like a
    gateway, but proves nothing about a real one.

    The README of the simulated gateway, mxgateway/testing/README.md in the package mxaccess-gateway-client, describes
    all keys of plant files and scripts.
    """
    output = Output.from_parameters(context, parameters)
    api_key_env, api_key_file = choose_api_key(context, parameters)
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.simulation.gateway import Simulation, simulate_gateway  # noqa: PLC0415

    simulate_gateway(Simulation(api_key_env=api_key_env, api_key_file=api_key_file, **parameters), output)


simulate = build_command(
    "simulate",
    option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on."),
    option(
        "--port",
        type=click.IntRange(0, 65535),
        default=0,
        show_default="any free port",
        metavar="PORT",
        help="The port to listen on.",
    ),
    option(
        "--api-key-env",
        metavar="NAME",
        help="Environment variable that holds the gateway's API key.  [default: a generated key]",
    ),
    option("--api-key-file", metavar="FILE", help="Text file that holds the gateway's API key instead."),
    option("--certificate-file", metavar="FILE", help="Listen with TLS: PEM file with the gateway's certificate."),
    option("--key-file", metavar="FILE", help="PEM file with the private key of that certificate."),
    option("--client-ca-file", metavar="FILE", help="Require client certificates issued by this CA (PEM)."),
    option("--plant-file", metavar="FILE", help="The Galaxy to simulate (TOML).  [default: the usual test tags]"),
    option("--galaxy-only", is_flag=True, help="Serve only the Galaxy, as a Historian Gateway does."),
    option(
        "--galaxy-state",
        type=click.Choice(["current", "stale", "empty"]),
        default="current",
        show_default=True,
        help="The gateway's copy of the Galaxy: stale and empty are without the Galaxy's database.",
    ),
    option(
        "--script",
        metavar="FILE",
        help="What happens to the gateway, and when (TOML, or Python with a coroutine function script(gateway)).",
    ),
    option(
        "--interactive",
        is_flag=True,
        help="Read commands from stdin, such as set TAG VALUE, alarm raise TAG, drop and help, until quit or its end.",
    ),
    output_options,
    schema="simulation",
)(_simulate)
