"""Bulk commands that write."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, TypeAlias

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options
from mxgateway_cli.input.lists import parse_values
from mxgateway_cli.input.values import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    import click

    from mxgateway import BulkWriteResult, MxValue, Session
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

    ItemValues: TypeAlias = Sequence[tuple[int, MxValue]]
    WriteFunction: TypeAlias = Callable[
        Concatenate[Session, int, ItemValues, ...], Awaitable[Sequence[BulkWriteResult]]
    ]

__all__ = ["write2_bulk", "write_bulk", "write_secured2_bulk", "write_secured_bulk"]

_timestamp = option(
    "--timestamp",
    required=True,
    example="2026-01-05T08:00:00Z",
    metavar="TIME",
    help="The timestamp of all values, ISO 8601 with a time zone: 2026-01-05T08:00:00Z.",
)


def _bulk_write(name: str, *declarations: Callable[[Any], Any]) -> Callable[[WriteFunction], click.Command]:
    """Turn a function that writes into a bulk command.

    The function is called with the session, the server handle, the pairs of item handle and value, and the values of
    the declared options, a timestamp already parsed.
    """

    def decorate(write: WriteFunction) -> click.Command:
        @functools.wraps(write)
        async def command(
            gateway: Gateway,
            output: Output,
            *,
            session_id: str,
            server_handle: int,
            item_handles: tuple[int, ...],
            value_type: str,
            values: str,
            **parameters: Any,
        ) -> None:
            if "timestamp" in parameters:
                parameters["timestamp"] = parse_timestamp(parameters["timestamp"])
            item_values = tuple(zip(item_handles, parse_values(value_type, values, len(item_handles)), strict=True))
            session = await gateway.attach(session_id)
            results = await write(session, server_handle, item_values, **parameters)
            # Imported late so that --help doesn't load grpc.
            from mxgateway_cli.results.bulk import print_write_results  # noqa: PLC0415

            print_write_results(output, session_id, server_handle, results)

        return gateway_command(
            name,
            options.session_id,
            options.server_handle,
            options.item_handles,
            options.value_type,
            options.values,
            *declarations,
            schema="bulk-write",
        )(command)

    return decorate


@_bulk_write("write-bulk", options.user_id)
async def write_bulk(
    session: Session, server_handle: int, item_values: ItemValues, *, user_id: int
) -> Sequence[BulkWriteResult]:
    """Write a value to each of many advised items and print whether it was accepted.

    Status 0 means that all were accepted. The outcomes are the OnWriteComplete events that stream-events prints.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway import WriteBulkEntry  # noqa: PLC0415

    entries = [WriteBulkEntry(item_handle=handle, value=value, user_id=user_id) for handle, value in item_values]
    return await session.write_bulk(server_handle, entries)


@_bulk_write("write2-bulk", _timestamp, options.user_id)
async def write2_bulk(
    session: Session, server_handle: int, item_values: ItemValues, *, timestamp: datetime, user_id: int
) -> Sequence[BulkWriteResult]:
    """Write a value with a timestamp to each of many advised items and print whether it was accepted."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway import Write2BulkEntry  # noqa: PLC0415

    entries = [
        Write2BulkEntry(item_handle=handle, value=value, timestamp=timestamp, user_id=user_id)
        for handle, value in item_values
    ]
    return await session.write2_bulk(server_handle, entries)


@_bulk_write("write-secured-bulk", options.current_user_id, options.verifier_user_id)
async def write_secured_bulk(
    session: Session, server_handle: int, item_values: ItemValues, *, current_user_id: int, verifier_user_id: int
) -> Sequence[BulkWriteResult]:
    """Write to many attributes with secured or verified write security and print whether each write was accepted."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway import WriteSecuredBulkEntry  # noqa: PLC0415

    entries = [
        WriteSecuredBulkEntry(
            item_handle=handle, current_user_id=current_user_id, verifier_user_id=verifier_user_id, value=value
        )
        for handle, value in item_values
    ]
    return await session.write_secured_bulk(server_handle, entries)


@_bulk_write("write-secured2-bulk", _timestamp, options.current_user_id, options.verifier_user_id)
async def write_secured2_bulk(
    session: Session,
    server_handle: int,
    item_values: ItemValues,
    *,
    timestamp: datetime,
    current_user_id: int,
    verifier_user_id: int,
) -> Sequence[BulkWriteResult]:
    """Write to many secured attributes with a timestamp and print whether each write was accepted."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway import WriteSecured2BulkEntry  # noqa: PLC0415

    entries = [
        WriteSecured2BulkEntry(
            item_handle=handle,
            current_user_id=current_user_id,
            verifier_user_id=verifier_user_id,
            value=value,
            timestamp=timestamp,
        )
        for handle, value in item_values
    ]
    return await session.write_secured2_bulk(server_handle, entries)
