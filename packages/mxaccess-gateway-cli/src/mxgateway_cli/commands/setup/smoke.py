"""The command `smoke`, which tests a gateway step by step."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from mxgateway_cli.connecting.gateway_command import build_command
from mxgateway_cli.connecting.target import Target, connection_options
from mxgateway_cli.help import option
from mxgateway_cli.input import options, tag_options
from mxgateway_cli.input.value_types import ValueType
from mxgateway_cli.input.values import parse_value
from mxgateway_cli.output.console import Output
from mxgateway_cli.output.settings import output_options

__all__ = ["smoke"]


@click.pass_context
def _smoke(context: click.Context, /, **parameters: Any) -> None:
    """Test a gateway: register, add an item, advise it, wait for a good value, write if requested, and undo all steps.

    TAG is the item to test; with --simulate it may be left out. Prints each step with its duration. The session is
    always closed, also on Ctrl-C.
    """
    output = Output.from_parameters(context, parameters)
    target = Target.from_parameters(context, parameters)
    item, text, value_type = parameters["tag"], parameters["write"], parameters["value_type"]
    simulate = parameters["simulate"]
    if simulate and context.get_parameter_source("endpoint") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--simulate and --endpoint contradict each other: give only one of them")
    if item is None and not simulate:
        raise click.UsageError(f"no tag: give TAG, for example mxgw-py smoke {tag_options.EXAMPLE_TAG}")
    if text is not None and value_type is None:
        raise click.UsageError("--write needs the type to send: give --type, for example --type int32")
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.smoke import Smoke, smoke_gateway, smoke_simulated_gateway  # noqa: PLC0415

    settings = Smoke(
        item=item or tag_options.EXAMPLE_TAG,
        client_name=parameters["client_name"],
        value=None if text is None else parse_value(value_type, text),
        timeout=target.timeout,
    )
    if simulate:
        smoke_simulated_gateway(settings, output)
    else:
        smoke_gateway(settings, target, output)


smoke = build_command(
    "smoke",
    tag_options.tag(metavar="[TAG]", required=False),
    # Not from the environment: a write to a plant must be requested on the command line.
    option(
        "--write", environment=False, metavar="VALUE", help="Also write this value; never read from the environment."
    ),
    option("--type", "value_type", type=ValueType(), metavar="TYPE", help="The type to write."),
    options.client_name,
    option("--simulate", is_flag=True, help="Start a simulated gateway and test that."),
    connection_options,
    output_options,
    schema="step",
)(_smoke)
