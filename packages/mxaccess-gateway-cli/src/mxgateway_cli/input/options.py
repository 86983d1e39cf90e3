"""The options that several commands have of their own."""

from __future__ import annotations

from typing import Final

import click

from mxgateway_cli.help import option
from mxgateway_cli.input.value_types import VALUE_TYPES

__all__ = [
    "DEFAULT_CLIENT_NAME",
    "client_name",
    "current_user_id",
    "item",
    "item_context",
    "item_handle",
    "server_handle",
    "session_id",
    "supervisory",
    "timestamp",
    "user_id",
    "value",
    "value_type",
    "verifier_user_id",
]

DEFAULT_CLIENT_NAME: Final = "mxgw-py"

session_id = option("--session-id", required=True, metavar="ID", help="The open session, as open-session printed it.")
server_handle = option(
    "--server-handle", required=True, type=int, metavar="HANDLE", help="The server handle, as register printed it."
)
item_handle = option(
    "--item-handle", required=True, type=int, metavar="HANDLE", help="The item handle, as add-item printed it."
)
client_name = option(
    "--client-name",
    default=DEFAULT_CLIENT_NAME,
    show_default=True,
    metavar="NAME",
    help="The name to register with MXAccess.",
)
item = option(
    "--item",
    required=True,
    metavar="REFERENCE",
    help="The item's reference, for example TestChildObject.TestInt; an array's name ends in [].",
)
item_context = option(
    "--context", "item_context", metavar="OBJECT", help="The object that the reference is relative to (AddItem2)."
)
value_type = option(
    "--type",
    "value_type",
    required=True,
    type=click.Choice(VALUE_TYPES),
    metavar="TYPE",
    help="The type to send: bool, int32, int64, float, double, string, timestamp; with [] behind it an array of them.",
)
value = option(
    "--value",
    "text",
    required=True,
    metavar="TEXT",
    help="The value. An array's elements are separated by commas, or stand in a JSON array.",
)
timestamp = option(
    "--timestamp",
    metavar="TIME",
    help="The value's time (Write2), ISO 8601 with a time zone: 2026-01-05T08:00:00Z.",
)
supervisory = option(
    "--supervisory", is_flag=True, help="Advise as a supervisory client, under which the --user-id of a write counts."
)
user_id = option(
    "--user-id",
    type=int,
    metavar="ID",
    default=0,
    show_default=True,
    help="The user that writes; it counts only under advise-supervisory.",
)
current_user_id = option(
    "--current-user-id",
    required=True,
    type=int,
    metavar="ID",
    help="The user that writes, as authenticate-user printed it.",
)
verifier_user_id = option(
    "--verifier-user-id",
    type=int,
    metavar="ID",
    default=0,
    show_default=True,
    help="The second user, for attributes with verified write security.",
)
