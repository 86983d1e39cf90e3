"""The commands `bench-read-bulk` and `bench-events`, which measure the speed of a gateway."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options, tag_options

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["bench_events", "bench_read_bulk"]

_DEFAULT_BULK_SIZE: Final = 6

_bulk_size = option(
    "--bulk-size",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Number of tags; if fewer are given, they are repeated.  "
    f"[default: all tags, or {_DEFAULT_BULK_SIZE} test tags]",
)
_duration = options.duration("Duration of the measurement.", "--duration-seconds", default="10s")


@gateway_command("bench-read-bulk", tag_options.optional_tags, _bulk_size, _duration, schema="read-bulk-figures")
async def bench_read_bulk(
    gateway: Gateway, output: Output, *, bulk_size: int | None, duration: float, **selection: Any
) -> None:
    """Advise tags, read them in bulk repeatedly, and print calls per second and latencies in milliseconds.

    Without tags it uses TestMachine_001.TestChangingInt and following. Opens its own session and closes it.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs import bench as job  # noqa: PLC0415

    tags = await _tags(gateway, output, bulk_size, **selection)
    await job.bench_read_bulk(await gateway.client(), tags, output, seconds=duration)


@gateway_command("bench-events", tag_options.optional_tags, _bulk_size, _duration, schema="event-figures")
async def bench_events(
    gateway: Gateway, output: Output, *, bulk_size: int | None, duration: float, **selection: Any
) -> None:
    """Advise tags, receive their events as fast as possible, and print events per second.

    Without tags it uses TestMachine_001.TestChangingInt and following. Opens its own session and closes it.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs import bench as job  # noqa: PLC0415

    tags = await _tags(gateway, output, bulk_size, **selection)
    await job.bench_events(await gateway.client(), tags, output, seconds=duration)


async def _tags(gateway: Gateway, output: Output, bulk_size: int | None, **selection: Any) -> tuple[str, ...]:
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.tag_search import find_tags  # noqa: PLC0415

    if selection["tags"] or selection["tags_file"]:
        found = await find_tags(gateway, output, **selection)
        return tuple(islice(cycle(found), bulk_size or len(found)))
    return tuple(
        f"TestMachine_{number:03}.TestChangingInt" for number in range(1, (bulk_size or _DEFAULT_BULK_SIZE) + 1)
    )
