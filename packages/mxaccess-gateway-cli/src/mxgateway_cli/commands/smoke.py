"""`smoke`: one short conversation with a gateway."""

from __future__ import annotations

from typing import Any, Final

import click
from click.core import ParameterSource

from mxgateway_cli.connecting.gateway_command import declared
from mxgateway_cli.connecting.target import Target, connection_options
from mxgateway_cli.help import option
from mxgateway_cli.input import options
from mxgateway_cli.input.value_types import VALUE_TYPES
from mxgateway_cli.output.console import Output, output_options

__all__ = ["smoke"]

_SIMULATED_ITEM: Final = "TestChildObject.TestInt"


@click.pass_context
def _smoke(context: click.Context, /, **parameters: Any) -> None:
    """Talk to a gateway once: register, add, advise, wait for a good value, write when asked, and undo it all.

    Prints each step with its time. The session is closed however it ends, on Ctrl-C too.
    """
    output = Output.taken_from(context, parameters)
    target = Target.taken_from(context, parameters)
    item, text, value_type = parameters["item"], parameters["write"], parameters["value_type"]
    simulate = parameters["simulate"]
    if simulate and context.get_parameter_source("endpoint") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--simulate brings a gateway of its own: drop --simulate or --endpoint")
    if item is None and not simulate:
        raise click.UsageError(f"no item: give --item REFERENCE, for example --item {_SIMULATED_ITEM}")
    if text is not None and value_type is None:
        raise click.UsageError("--write needs the type to send: give --type int32, for example")
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.input.values import parse_value  # noqa: PLC0415
    from mxgateway_cli.jobs.smoke import Smoke, smoke_gateway, smoke_simulated_gateway  # noqa: PLC0415

    conversation = Smoke(
        item=item or _SIMULATED_ITEM,
        client_name=parameters["client_name"],
        value=None if text is None else parse_value(value_type, text),
        timeout=target.timeout,
    )
    if simulate:
        smoke_simulated_gateway(conversation, output)
    else:
        smoke_gateway(conversation, target, output)


smoke = declared(
    "smoke",
    option(
        "--item",
        metavar="REFERENCE",
        help=f"The item to talk about; with --simulate by default {_SIMULATED_ITEM}.",
    ),
    # Never from the environment: a write to a plant must stand where it is asked for.
    option(
        "--write", environment=False, metavar="VALUE", help="Write this value too; never taken from the environment."
    ),
    option("--type", "value_type", type=click.Choice(VALUE_TYPES), metavar="TYPE", help="The type to write."),
    options.client_name,
    option("--simulate", is_flag=True, help="Start a simulated gateway and talk to that one."),
    connection_options,
    output_options,
    schema="step",
)(_smoke)
