"""Tags by name, without handles: `read` and `watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["read", "watch"]

_tags = click.argument("tags", metavar="TAG...", nargs=-1, required=True)


@gateway_command("read", _tags, options.client_name, schema="reading")
async def read(gateway: Gateway, output: Output, *, tags: tuple[str, ...], client_name: str) -> None:
    """Read tags by name and print their values; the status is 6 when one of them can't be read.

    Opens a session of its own and closes it. An array's name ends in [].
    """
    # Imported here: --help must not have to wait for grpc.
    from mxgateway import TagReading  # noqa: PLC0415
    from mxgateway_cli.results.tags import print_readings  # noqa: PLC0415

    client = await gateway.client()
    async with client.open_session(client_session_name=client_name) as session:
        results = await session.read_bulk(await session.register(client_name), tags)
    print_readings(output, [TagReading(tag, result) for tag, result in zip(tags, results, strict=True)])


@gateway_command(
    "watch",
    _tags,
    option("--max-events", type=click.IntRange(min=1), metavar="COUNT", help="End after so many lines."),
    option(
        "--duration",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="End after this time, whether changes came or not.",
    ),
    options.supervisory,
    options.client_name,
    schema="watch",
)
async def watch(
    gateway: Gateway,
    output: Output,
    *,
    tags: tuple[str, ...],
    max_events: int | None,
    duration: float | None,
    supervisory: bool,
    client_name: str,
) -> None:
    """Watch tags by name, as a live table on a terminal, until --max-events, --duration or Ctrl-C.

    It survives lost connections and says so: "lost", "restored", and "gap" where changes are missing. Opens a session
    of its own and closes it.
    """
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.jobs.watch import watch_tags  # noqa: PLC0415

    client = await gateway.client()
    async with client.tags(client_name, supervisory=supervisory) as tag_client:
        await watch_tags(tag_client, tags, output, max_events=max_events, duration=duration)
