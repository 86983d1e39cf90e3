"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mxgateway_cli.help import option
from mxgateway_cli.input.lists import parse_handles
from mxgateway_cli.input.quantities import DURATION
from mxgateway_cli.input.value_types import TYPES_HELP, ValueType

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DEFAULT_CLIENT_NAME",
    "DEFAULT_FAILOVER_SECONDS",
    "client_name",
    "count",
    "current_user_id",
    "duration",
    "failover_after",
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

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

DEFAULT_CLIENT_NAME: Final = "mxgw-py"
# The default of mxgateway.TagOptions, which would load grpc.
DEFAULT_FAILOVER_SECONDS: Final = 30.0


def count(text: str, *former: str, limit: int | None = None) -> Callable[[FunctionT], FunctionT]:
    """Declare `--count`, with former names, and None as default value."""
    return option("--count", type=click.IntRange(min=1, max=limit), metavar="COUNT", former=former, help=text)


def duration(text: str, *former: str, default: str | None = None) -> Callable[[FunctionT], FunctionT]:
    """Declare `--duration`, in seconds, with former names."""
    return option(
        "--duration",
        type=DURATION,
        default=default,
        show_default=default is not None,
        metavar="TIME",
        former=former,
        help=text,
    )


session_id = option(
    "--session-id",
    required=True,
    example="session-0123abcd",
    metavar="ID",
    help="The open session, as printed by open-session.",
)
server_handle = option(
    "--server-handle",
    required=True,
    example="1",
    type=int,
    metavar="HANDLE",
    help="The server handle, as printed by register.",
)
item_handle = option(
    "--item-handle",
    required=True,
    example="1",
    type=int,
    metavar="HANDLE",
    help="The item handle, as printed by add-item.",
)
item_handles = option(
    "--item-handles",
    required=True,
    example="1,2",
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
item_context = option(
    "--context", "item_context", metavar="OBJECT", help="The object that the reference is relative to (AddItem2)."
)
value_type = option(
    "--type",
    "value_type",
    required=True,
    example="int32",
    type=ValueType(),
    metavar="TYPE",
    help=f"The type to send: {TYPES_HELP}.",
)
value = option(
    "--value",
    "text",
    required=True,
    example="5",
    metavar="TEXT",
    help="The value. Separate the elements of an array with commas, or give a JSON array.",
)
values = option(
    "--values",
    required=True,
    example="5,6",
    metavar="LIST",
    help="One value per item handle, separated by commas or as a JSON array; arrays as a JSON array of arrays.",
)
timestamp = option(
    "--timestamp",
    metavar="TIME",
    help="The timestamp of the value (Write2), ISO 8601 with a time zone: 2026-01-05T08:00:00Z.",
)
failover_after = option(
    "--failover-after",
    type=DURATION,
    metavar="TIME",
    default=DEFAULT_FAILOVER_SECONDS,
    show_default=f"{DEFAULT_FAILOVER_SECONDS:g}s",
    help="With several gateways: go to the next one when the gateway stays away for longer than this, for example 10s.",
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
    example="1",
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
