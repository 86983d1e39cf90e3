"""Declaration of commands that talk to a gateway."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, Final, Protocol, TypeAlias

import click

from mxgateway_cli.connecting.target import Target, connection_options
from mxgateway_cli.help import Command
from mxgateway_cli.output.console import Output
from mxgateway_cli.output.settings import output_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mxgateway_cli.connecting.client import Gateway

    GatewayFunction: TypeAlias = Callable[Concatenate[Gateway, Output, ...], Awaitable[None]]

__all__ = ["RUNNER_KEY", "build_command", "gateway_command"]

RUNNER_KEY: Final = "mxgateway_cli.runner"
"""Key in a click context's `meta` for a function that replaces `connecting.client.run_with_gateway`."""


class _Declaration(Protocol):
    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]: ...


def gateway_command(
    name: str, *declarations: _Declaration, schema: str | None, cls: type[Command] = Command
) -> Callable[[GatewayFunction], click.Command]:
    """Turn a coroutine function into a command with its own options and those of the connection and the output.

    The function is called with the gateway, the output and the values of its own options.

    Args:
        name: The name of the command.
        declarations: The command's own options and arguments.
        schema: The name of the JSON Schema of the output; None if there is no output.
        cls: The class of the command.
    """

    def decorate(function: GatewayFunction) -> click.Command:
        @functools.wraps(function)
        def command(context: click.Context, /, **parameters: Any) -> None:
            output = Output.from_parameters(context, parameters)
            target = Target.from_parameters(context, parameters)
            # Imported late so that --help doesn't load grpc.
            from mxgateway_cli.connecting.client import run_with_gateway  # noqa: PLC0415

            run = context.meta.get(RUNNER_KEY, run_with_gateway)

            def with_parameters(gateway: Gateway) -> Awaitable[None]:
                return function(gateway, output, **parameters)

            run(target, output, with_parameters)

        parts: list[_Declaration] = [*declarations, connection_options, output_options]
        return build_command(name, *parts, schema=schema, cls=cls)(click.pass_context(command))

    return decorate


def build_command(
    name: str, *declarations: _Declaration, schema: str | None, cls: type[Command] = Command
) -> Callable[[Callable[..., Any]], click.Command]:
    """Turn a function into a command with these options, which its help lists in this order."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        for declare in reversed(declarations):
            function = declare(function)
        return click.command(name, cls=cls, schema=schema)(function)

    return decorate
