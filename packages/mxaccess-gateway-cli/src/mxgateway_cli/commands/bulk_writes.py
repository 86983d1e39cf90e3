"""The gateway's bulk commands that write: many items in one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import bulk_options, options

if TYPE_CHECKING:
    from mxgateway import BulkWriteResult
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["write2_bulk", "write_bulk", "write_secured2_bulk", "write_secured_bulk"]

_SCHEMA: Final = "bulk-write"
_TIMESTAMP: Final = option(
    "--timestamp",
    required=True,
    metavar="TIME",
    help="The time of all the values, ISO 8601 with a time zone: 2026-01-05T08:00:00Z.",
)


@gateway_command(
    "write-bulk",
    options.session_id,
    options.server_handle,
    bulk_options.item_handles,
    options.value_type,
    bulk_options.values,
    options.user_id,
    schema=_SCHEMA,
)
async def write_bulk(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    server_handle: int,
    item_handles: tuple[int, ...],
    value_type: str,
    values: str,
    user_id: int,
) -> None:
    """Write a value to each of many advised items and print whether it was accepted.

    Status 0 means that all were accepted. The outcomes are the OnWriteComplete events that stream-events brings.
    """
    # Imported here: --help must not have to wait for grpc.
    from mxgateway import WriteBulkEntry  # noqa: PLC0415
    from mxgateway_cli.input.lists import parse_values  # noqa: PLC0415

    entries = [
        WriteBulkEntry(item_handle=item_handle, value=value, user_id=user_id)
        for item_handle, value in zip(item_handles, parse_values(value_type, values, len(item_handles)), strict=True)
    ]
    results = await (await gateway.attach(session_id)).write_bulk(server_handle, entries)
    _print(output, session_id, server_handle, results)


@gateway_command(
    "write2-bulk",
    options.session_id,
    options.server_handle,
    bulk_options.item_handles,
    options.value_type,
    bulk_options.values,
    _TIMESTAMP,
    options.user_id,
    schema=_SCHEMA,
)
async def write2_bulk(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    server_handle: int,
    item_handles: tuple[int, ...],
    value_type: str,
    values: str,
    timestamp: str,
    user_id: int,
) -> None:
    """Write a value with its time to each of many advised items and print whether it was accepted."""
    # Imported here: --help must not have to wait for grpc.
    from mxgateway import Write2BulkEntry  # noqa: PLC0415
    from mxgateway_cli.input.lists import parse_values  # noqa: PLC0415
    from mxgateway_cli.input.values import parse_timestamp  # noqa: PLC0415

    when = parse_timestamp(timestamp)
    entries = [
        Write2BulkEntry(item_handle=item_handle, value=value, timestamp=when, user_id=user_id)
        for item_handle, value in zip(item_handles, parse_values(value_type, values, len(item_handles)), strict=True)
    ]
    results = await (await gateway.attach(session_id)).write2_bulk(server_handle, entries)
    _print(output, session_id, server_handle, results)


@gateway_command(
    "write-secured-bulk",
    options.session_id,
    options.server_handle,
    bulk_options.item_handles,
    options.value_type,
    bulk_options.values,
    options.current_user_id,
    options.verifier_user_id,
    schema=_SCHEMA,
)
async def write_secured_bulk(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    server_handle: int,
    item_handles: tuple[int, ...],
    value_type: str,
    values: str,
    current_user_id: int,
    verifier_user_id: int,
) -> None:
    """Write to many attributes with secured or verified write security and print whether each was accepted."""
    # Imported here: --help must not have to wait for grpc.
    from mxgateway import WriteSecuredBulkEntry  # noqa: PLC0415
    from mxgateway_cli.input.lists import parse_values  # noqa: PLC0415

    entries = [
        WriteSecuredBulkEntry(
            item_handle=item_handle, current_user_id=current_user_id, verifier_user_id=verifier_user_id, value=value
        )
        for item_handle, value in zip(item_handles, parse_values(value_type, values, len(item_handles)), strict=True)
    ]
    results = await (await gateway.attach(session_id)).write_secured_bulk(server_handle, entries)
    _print(output, session_id, server_handle, results)


@gateway_command(
    "write-secured2-bulk",
    options.session_id,
    options.server_handle,
    bulk_options.item_handles,
    options.value_type,
    bulk_options.values,
    _TIMESTAMP,
    options.current_user_id,
    options.verifier_user_id,
    schema=_SCHEMA,
)
async def write_secured2_bulk(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    server_handle: int,
    item_handles: tuple[int, ...],
    value_type: str,
    values: str,
    timestamp: str,
    current_user_id: int,
    verifier_user_id: int,
) -> None:
    """Write with security and with the values' time to many attributes and print whether each was accepted."""
    # Imported here: --help must not have to wait for grpc.
    from mxgateway import WriteSecured2BulkEntry  # noqa: PLC0415
    from mxgateway_cli.input.lists import parse_values  # noqa: PLC0415
    from mxgateway_cli.input.values import parse_timestamp  # noqa: PLC0415

    when = parse_timestamp(timestamp)
    entries = [
        WriteSecured2BulkEntry(
            item_handle=item_handle,
            current_user_id=current_user_id,
            verifier_user_id=verifier_user_id,
            value=value,
            timestamp=when,
        )
        for item_handle, value in zip(item_handles, parse_values(value_type, values, len(item_handles)), strict=True)
    ]
    results = await (await gateway.attach(session_id)).write_secured2_bulk(server_handle, entries)
    _print(output, session_id, server_handle, results)


def _print(output: Output, session_id: str, server_handle: int, results: tuple[BulkWriteResult, ...]) -> None:
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.results.bulk import print_write_results  # noqa: PLC0415

    print_write_results(output, session_id, server_handle, results)
