"""The commands `read` and `watch`, which access tags by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options, tag_options
from mxgateway_cli.input.quantities import DURATION

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["read", "watch"]


@gateway_command("read", tag_options.tags, options.client_name, schema="reading")
async def read(gateway: Gateway, output: Output, *, client_name: str, **selection: Any) -> None:
    """Read tags by name and print their values; the status is 6 if one of them cannot be read.

    Opens its own session and closes it. The name of an array ends in [].
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway import TagReading  # noqa: PLC0415
    from mxgateway_cli.jobs.tag_search import find_tags  # noqa: PLC0415
    from mxgateway_cli.results.tags import print_readings  # noqa: PLC0415

    tags = await find_tags(gateway, output, **selection)
    client = await gateway.client()
    async with client.open_session(client_session_name=client_name) as session:
        results = await session.read_bulk(await session.register(client_name), tags)
    print_readings(output, [TagReading(tag, result) for tag, result in zip(tags, results, strict=True)])


@gateway_command(
    "watch",
    tag_options.tags,
    options.count("Stop after this number of changes and status items.", "--max-events"),
    options.duration("Stop after this time, for example 90s, even if nothing changed."),
    option(
        "--changes-only",
        is_flag=True,
        help="Show a value only if it or its quality has changed, not if only its time has.",
    ),
    option(
        "--deadband",
        type=click.FloatRange(min=0),
        metavar="AMOUNT",
        help="Show a number only if it differs by more than this from the last one shown; implies --changes-only.",
    ),
    option(
        "--every",
        type=DURATION,
        metavar="TIME",
        help="Show a snapshot of all tags at this pace, for example 10s, instead of each change.",
    ),
    options.failover_after,
    options.supervisory,
    options.client_name,
    schema="watch",
)
async def watch(
    gateway: Gateway,
    output: Output,
    *,
    count: int | None,
    duration: float | None,
    changes_only: bool,
    deadband: float | None,
    every: float | None,
    failover_after: float,
    supervisory: bool,
    client_name: str,
    **selection: Any,
) -> None:
    """Watch tags by name, as a live table on a terminal, until --count, --duration or Ctrl-C.

    After a lost connection it reconnects and reports it: "lost", "restored", and "gap" where changes are missing. With
    several gateways "restored" names the one that is used now. In the table p pauses, the arrow and page keys scroll,
    and q quits. Opens its own session and closes it.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.tag_search import find_tags  # noqa: PLC0415
    from mxgateway_cli.jobs.watch.watch import WatchSettings, watch_tags  # noqa: PLC0415

    settings = WatchSettings(
        max_events=count, duration=duration, changes_only=changes_only, deadband=deadband, every=every
    )
    tags = await find_tags(gateway, output, **selection)
    client = await gateway.client()
    async with client.tags(client_name, supervisory=supervisory, failover_after=failover_after) as tag_client:
        await watch_tags(tag_client, tags, output, settings)
