"""Commands for servers and items: register, add and advise, and their opposites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import former_option, option
from mxgateway_cli.input import options, tag_options
from mxgateway_cli.input.quantities import DURATION, parse_milliseconds

if TYPE_CHECKING:
    from mxgateway import MxStatus
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = [
    "activate",
    "add_buffered_item",
    "add_item",
    "advise",
    "advise_supervisory",
    "register",
    "remove_item",
    "set_buffered_update_interval",
    "suspend",
    "un_advise",
    "unregister",
]

# Of a signed 32-bit integer.
_MAX_INTERVAL_MS: Final = 2**31 - 1


@gateway_command("register", options.session_id, options.client_name, schema="server")
async def register(gateway: Gateway, output: Output, *, session_id: str, client_name: str) -> None:
    """Register a client with MXAccess (Register) and print its server handle."""
    server_handle = await (await gateway.attach(session_id)).register(client_name)
    output.result({"sessionId": session_id, "serverHandle": server_handle}, str(server_handle))


@gateway_command("unregister", options.session_id, options.server_handle, schema="server")
async def unregister(gateway: Gateway, output: Output, *, session_id: str, server_handle: int) -> None:
    """Unregister a client (Unregister), which also ends its items and advises."""
    await (await gateway.attach(session_id)).unregister(server_handle)
    output.result({"sessionId": session_id, "serverHandle": server_handle}, f"unregistered server {server_handle}")


@gateway_command(
    "add-item", options.session_id, options.server_handle, tag_options.tag(), options.item_context, schema="item"
)
async def add_item(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, tag: str, item_context: str | None
) -> None:
    """Add an item by its reference (AddItem, with --context AddItem2) and print its item handle.

    MXAccess resolves the reference only when the item is advised: an invalid one shows in the first data change.
    """
    session = await gateway.attach(session_id)
    if item_context:
        item_handle = await session.add_item2(server_handle, tag, item_context)
    else:
        item_handle = await session.add_item(server_handle, tag)
    output.result(_item_record(session_id, server_handle, item_handle), str(item_handle))


@gateway_command(
    "add-buffered-item",
    options.session_id,
    options.server_handle,
    tag_options.tag(),
    options.item_context,
    schema="item",
)
async def add_buffered_item(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, tag: str, item_context: str | None
) -> None:
    """Add an item whose changes are delivered in batches (AddBufferedItem) and print its item handle."""
    session = await gateway.attach(session_id)
    item_handle = await session.add_buffered_item(server_handle, tag, item_context or "")
    output.result(_item_record(session_id, server_handle, item_handle), str(item_handle))


@gateway_command(
    "set-buffered-update-interval",
    options.session_id,
    options.server_handle,
    option(
        "--interval",
        required=True,
        example="500ms",
        type=DURATION,
        metavar="TIME",
        help="The interval, for example 500ms; it is sent in whole milliseconds.",
    ),
    former_option(
        "--interval-ms",
        target="interval",
        instead="--interval 500ms",
        type=click.IntRange(min=0, max=2**31 - 1),
        parse=parse_milliseconds,
    ),
    schema="update-interval",
)
async def set_buffered_update_interval(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, interval: float
) -> None:
    """Set how often the buffered items of a server raise events (SetBufferedUpdateInterval)."""
    milliseconds = round(interval * 1000)
    if milliseconds > _MAX_INTERVAL_MS:
        raise click.UsageError("--interval must be less than 25 days")
    await (await gateway.attach(session_id)).set_buffered_update_interval(server_handle, milliseconds)
    record = {"sessionId": session_id, "serverHandle": server_handle, "updateIntervalMilliseconds": milliseconds}
    output.result(record, f"buffered items of server {server_handle} raise events every {milliseconds} ms")


@gateway_command("remove-item", options.session_id, options.server_handle, options.item_handle, schema="item")
async def remove_item(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handle: int
) -> None:
    """Remove an item (RemoveItem); its handle is invalid afterwards."""
    await (await gateway.attach(session_id)).remove_item(server_handle, item_handle)
    output.result(_item_record(session_id, server_handle, item_handle), f"removed item {item_handle}")


@gateway_command("advise", options.session_id, options.server_handle, options.item_handle, schema="item")
async def advise(gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handle: int) -> None:
    """Subscribe to the data changes of an item (Advise). stream-events prints them, starting with the current value."""
    await (await gateway.attach(session_id)).advise(server_handle, item_handle)
    output.result(_item_record(session_id, server_handle, item_handle), f"advised item {item_handle}")


@gateway_command("advise-supervisory", options.session_id, options.server_handle, options.item_handle, schema="item")
async def advise_supervisory(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handle: int
) -> None:
    """Subscribe to the data changes of an item as a supervisory client (AdviseSupervisory).

    Only then does the --user-id of a write take effect.
    """
    await (await gateway.attach(session_id)).advise_supervisory(server_handle, item_handle)
    plain = f"advised item {item_handle} as a supervisory client"
    output.result(_item_record(session_id, server_handle, item_handle), plain)


@gateway_command("un-advise", options.session_id, options.server_handle, options.item_handle, schema="item")
async def un_advise(gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handle: int) -> None:
    """Unsubscribe from the data changes of an item (UnAdvise). The item stays added."""
    await (await gateway.attach(session_id)).un_advise(server_handle, item_handle)
    output.result(_item_record(session_id, server_handle, item_handle), f"un-advised item {item_handle}")


@gateway_command("suspend", options.session_id, options.server_handle, options.item_handle, schema="item-status")
async def suspend(gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handle: int) -> None:
    """Suspend the data changes of an advised item (Suspend) and print the status that MXAccess returned."""
    status = await (await gateway.attach(session_id)).suspend(server_handle, item_handle)
    _print_status(output, _item_record(session_id, server_handle, item_handle), f"suspended item {item_handle}", status)


@gateway_command("activate", options.session_id, options.server_handle, options.item_handle, schema="item-status")
async def activate(gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handle: int) -> None:
    """Resume the data changes of a suspended item (Activate) and print the status that MXAccess returned."""
    status = await (await gateway.attach(session_id)).activate(server_handle, item_handle)
    _print_status(output, _item_record(session_id, server_handle, item_handle), f"activated item {item_handle}", status)


def _item_record(session_id: str, server_handle: int, item_handle: int) -> dict[str, Any]:
    return {"sessionId": session_id, "serverHandle": server_handle, "itemHandle": item_handle}


def _print_status(output: Output, record: dict[str, Any], plain: str, status: MxStatus) -> None:
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.output.records import status_record  # noqa: PLC0415

    output.result({**record, "status": status_record(status)}, f"{plain}: {status}")
