"""Commands that write on behalf of users, and that identify these users."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from mxgateway.redaction import Secret, hide
from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options
from mxgateway_cli.input.values import parse_timestamp, parse_value
from mxgateway_cli.results.accepted_writes import print_accepted

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway import MxValue
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["archestra_user_to_id", "authenticate_user", "write_secured"]


@gateway_command(
    "write-secured",
    options.session_id,
    options.server_handle,
    options.item_handle,
    options.value_type,
    options.value,
    options.timestamp,
    options.current_user_id,
    options.verifier_user_id,
    schema="accepted-write",
)
async def write_secured(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    server_handle: int,
    item_handle: int,
    value_type: str,
    text: str,
    timestamp: str | None,
    current_user_id: int,
    verifier_user_id: int,
) -> None:
    """Write to an attribute with secured or verified write security (WriteSecured, or WriteSecured2 with --timestamp).

    Status 0 means accepted. The outcome is the OnWriteComplete event that stream-events prints.
    """
    value, when = _parse(value_type, text, timestamp)
    session = await gateway.attach(session_id)
    users = current_user_id, verifier_user_id
    if when is None:
        await session.write_secured(server_handle, item_handle, *users, value)
    else:
        await session.write_secured2(server_handle, item_handle, *users, value, when)
    print_accepted(output, session_id, server_handle, item_handle)


def _read_password(_: click.Context, __: click.Parameter, name: str) -> Secret:
    """Return the password from the environment variable, or from a prompt. The callback of an option."""
    password = Secret.password(os.environ.get(name, ""))
    if not password and sys.stdin.isatty():
        password = Secret.password(click.prompt("Password", hide_input=True, err=True))
    if not password:
        raise click.UsageError("no password: set the environment variable that --password-env names")
    return hide(password)


@gateway_command(
    "authenticate-user",
    options.session_id,
    options.server_handle,
    option("--user", required=True, example="operator", metavar="NAME", help="The user to check."),
    option(
        "--password-env",
        "password",
        default="MXGATEWAY_USER_PASSWORD",
        show_default=True,
        metavar="NAME",
        callback=_read_password,
        help="Environment variable that holds the password; if it is not set, a terminal is prompted for it.",
    ),
    schema="user",
)
async def authenticate_user(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, user: str, password: Secret
) -> None:
    """Check a user's password (AuthenticateUser) and print the user's id, for write-secured."""
    output.diagnostics.protect(password)
    user_id = await (await gateway.attach(session_id)).authenticate_user(server_handle, user, password)
    output.result({"sessionId": session_id, "serverHandle": server_handle, "userId": user_id}, str(user_id))


@gateway_command(
    "archestra-user-to-id",
    options.session_id,
    options.server_handle,
    option(
        "--user-guid",
        required=True,
        example="6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01",
        metavar="GUID",
        help="The ArchestrA user's GUID.",
    ),
    schema="user",
)
async def archestra_user_to_id(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, user_guid: str
) -> None:
    """Print the user id for the GUID of an ArchestrA user (ArchestrAUserToId)."""
    user_id = await (await gateway.attach(session_id)).archestra_user_to_id(server_handle, user_guid)
    output.result({"sessionId": session_id, "serverHandle": server_handle, "userId": user_id}, str(user_id))


def _parse(value_type: str, text: str, timestamp: str | None) -> tuple[MxValue, datetime | None]:
    return parse_value(value_type, text), None if timestamp is None else parse_timestamp(timestamp)
