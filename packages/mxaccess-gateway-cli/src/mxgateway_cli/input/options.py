"""Options that several commands share."""

from __future__ import annotations

from typing import Final

from mxgateway_cli.help import option
from mxgateway_cli.input.lists import parse_handles
from mxgateway_cli.input.value_types import TYPES_HELP, ValueType

__all__ = [
    "DEFAULT_CLIENT_NAME",
    "client_name",
    "current_user_id",
    "item",
    "item_context",
    "item_handle",
    "item_handles",
    "server_handle",
    "session_id",
    "supervisory",
    "timestamp",
    "user_id",
    "value",
    "value_type",
    "values",
    "verifier_user_id",
]

DEFAULT_CLIENT_NAME: Final = "mxgw-py"

session_id = option("--session-id", required=True, metavar="ID", help="The open session, as printed by open-session.")
server_handle = option(
    "--server-handle", required=True, type=int, metavar="HANDLE", help="The server handle, as printed by register."
)
item_handle = option(
    "--item-handle", required=True, type=int, metavar="HANDLE", help="The item handle, as printed by add-item."
)
item_handles = option(
    "--item-handles",
    required=True,
    callback=parse_handles,
    metavar="LIST",
    help="The item handles, separated by commas, as printed by add-item-bulk or subscribe-bulk.",
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
    help="The item's reference, for example TestChildObject.TestInt; the name of an array ends in [].",
)
item_context = option(
    "--context", "item_context", metavar="OBJECT", help="The object that the reference is relative to (AddItem2)."
)
value_type = option(
    "--type",
    "value_type",
    required=True,
    type=ValueType(),
    metavar="TYPE",
    help=f"The type to send: {TYPES_HELP}.",
)
value = option(
    "--value",
    "text",
    required=True,
    metavar="TEXT",
    help="The value. Separate the elements of an array with commas, or give a JSON array.",
)
values = option(
    "--values",
    required=True,
    metavar="LIST",
    help="One value per item handle, separated by commas or as a JSON array; arrays as a JSON array of arrays.",
)
timestamp = option(
    "--timestamp",
    metavar="TIME",
    help="The timestamp of the value (Write2), ISO 8601 with a time zone: 2026-01-05T08:00:00Z.",
)
supervisory = option(
    "--supervisory",
    is_flag=True,
    help="Advise as a supervisory client: attributes with security may be written only then, and only then does the "
    "--user-id of a write take effect.",
)
user_id = option(
    "--user-id",
    type=int,
    metavar="ID",
    default=0,
    show_default=True,
    help="The user who writes; takes effect only under advise-supervisory.",
)
current_user_id = option(
    "--current-user-id",
    required=True,
    type=int,
    metavar="ID",
    help="The user who writes, as printed by authenticate-user.",
)
verifier_user_id = option(
    "--verifier-user-id",
    type=int,
    metavar="ID",
    default=0,
    show_default=True,
    help="The second user, for attributes with verified write security.",
)
