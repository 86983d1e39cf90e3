"""How a command that talks to a gateway is declared."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, Final, Protocol, TypeAlias

import click

from mxgateway_cli.connecting.target import Target, connection_options
from mxgateway_cli.help import Command
from mxgateway_cli.output.console import Output, output_options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mxgateway_cli.connecting.client import Gateway

    Conversation: TypeAlias = Callable[Concatenate[Gateway, Output, ...], Awaitable[None]]

__all__ = ["CONVERSE", "declared", "gateway_command"]

CONVERSE: Final = "mxgateway_cli.converse"
"""Where a click context's `meta` says what holds conversations instead of `connection.converse`."""


class _Declaration(Protocol):
    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Any]: ...


def gateway_command(name: str, *declarations: _Declaration, schema: str) -> Callable[[Conversation], click.Command]:
    """Make a command of a coroutine function: its own options, those of the connection, those of the output.

    `schema` names the JSON Schema of what it prints.
    """

    def make(conversation: Conversation) -> click.Command:
        @functools.wraps(conversation)
        def command(context: click.Context, /, **parameters: Any) -> None:
            output = Output.taken_from(context, parameters)
            target = Target.taken_from(context, parameters)
            # Imported here: --help must not have to wait for grpc.
            from mxgateway_cli.connecting.client import converse as converse_alone  # noqa: PLC0415

            converse = context.meta.get(CONVERSE, converse_alone)

            def with_parameters(gateway: Gateway) -> Awaitable[None]:
                return conversation(gateway, output, **parameters)

            converse(target, output, with_parameters)

        parts: list[_Declaration] = [*declarations, connection_options, output_options]
        return declared(name, *parts, schema=schema)(click.pass_context(command))

    return make


def declared(name: str, *declarations: _Declaration, schema: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command with these options, which its help shows in this order."""

    def make(function: Callable[..., Any]) -> click.Command:
        for declare in reversed(declarations):
            function = declare(function)
        return click.command(name, cls=Command, schema=schema)(function)

    return make
