"""Bulk commands that add, advise, read and remove items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import former_option, option
from mxgateway_cli.input import options, tag_options
from mxgateway_cli.input.quantities import DURATION, parse_milliseconds

if TYPE_CHECKING:
    from mxgateway import SubscribeResult
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = [
    "add_item_bulk",
    "advise_item_bulk",
    "read_bulk",
    "remove_item_bulk",
    "subscribe_bulk",
    "un_advise_item_bulk",
    "unsubscribe_bulk",
]


@gateway_command(
    "subscribe-bulk",
    options.session_id,
    options.server_handle,
    tag_options.tags,
    schema="bulk-subscription",
)
async def subscribe_bulk(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, **selection: Any
) -> None:
    """Add and advise many items in one round trip and print the result of each.

    The status is 6 if one of them failed; the others are advised regardless.
    """
    items = await _find(gateway, output, **selection)
    session = await gateway.attach(session_id)
    _print(output, session_id, server_handle, await session.subscribe_bulk(server_handle, items))


@gateway_command(
    "unsubscribe-bulk", options.session_id, options.server_handle, options.item_handles, schema="bulk-subscription"
)
async def unsubscribe_bulk(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handles: tuple[int, ...]
) -> None:
    """Un-advise and remove many items and print the result of each."""
    session = await gateway.attach(session_id)
    _print(output, session_id, server_handle, await session.unsubscribe_bulk(server_handle, item_handles))


@gateway_command(
    "add-item-bulk",
    options.session_id,
    options.server_handle,
    tag_options.tags,
    schema="bulk-subscription",
)
async def add_item_bulk(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, **selection: Any
) -> None:
    """Add many items and print the item handle of each."""
    items = await _find(gateway, output, **selection)
    session = await gateway.attach(session_id)
    _print(output, session_id, server_handle, await session.add_item_bulk(server_handle, items))


@gateway_command(
    "advise-item-bulk", options.session_id, options.server_handle, options.item_handles, schema="bulk-subscription"
)
async def advise_item_bulk(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handles: tuple[int, ...]
) -> None:
    """Subscribe to the data changes of many items and print the result of each."""
    session = await gateway.attach(session_id)
    _print(output, session_id, server_handle, await session.advise_item_bulk(server_handle, item_handles))


@gateway_command(
    "un-advise-item-bulk",
    options.session_id,
    options.server_handle,
    options.item_handles,
    schema="bulk-subscription",
)
async def un_advise_item_bulk(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handles: tuple[int, ...]
) -> None:
    """Unsubscribe from the data changes of many items and print the result of each. The items stay added."""
    session = await gateway.attach(session_id)
    _print(output, session_id, server_handle, await session.un_advise_item_bulk(server_handle, item_handles))


@gateway_command(
    "remove-item-bulk", options.session_id, options.server_handle, options.item_handles, schema="bulk-subscription"
)
async def remove_item_bulk(
    gateway: Gateway, output: Output, *, session_id: str, server_handle: int, item_handles: tuple[int, ...]
) -> None:
    """Remove many items and print the result of each."""
    session = await gateway.attach(session_id)
    _print(output, session_id, server_handle, await session.remove_item_bulk(server_handle, item_handles))


@gateway_command(
    "read-bulk",
    options.session_id,
    options.server_handle,
    tag_options.tags,
    option(
        "--worker-timeout",
        type=DURATION,
        metavar="TIME",
        help="How long the worker waits for the value of a tag that is not advised.  [default: set by the worker]",
    ),
    former_option(
        "--timeout-ms",
        target="worker_timeout",
        instead="--worker-timeout 500ms",
        type=click.IntRange(min=0, max=2**32 - 1),
        parse=parse_milliseconds,
    ),
    schema="bulk-reading",
)
async def read_bulk(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    server_handle: int,
    worker_timeout: float | None,
    **selection: Any,
) -> None:
    """Read many tags in one round trip and print a reading of each.

    For a tag that the session has advised, the reading is its last value, marked as cached.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.results.bulk import print_read_results  # noqa: PLC0415

    items = await _find(gateway, output, **selection)
    session = await gateway.attach(session_id)
    results = await session.read_bulk(server_handle, items, worker_timeout=worker_timeout or None)
    print_read_results(output, session_id, server_handle, results)


async def _find(gateway: Gateway, output: Output, **selection: Any) -> tuple[str, ...]:
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.tag_search import find_tags  # noqa: PLC0415

    return await find_tags(gateway, output, **selection)


def _print(output: Output, session_id: str, server_handle: int, results: tuple[SubscribeResult, ...]) -> None:
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.results.bulk import print_subscribe_results  # noqa: PLC0415

    print_subscribe_results(output, session_id, server_handle, results)
