"""The commands `bench-read-bulk` and `bench-events`, which measure the speed of a gateway."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import tag_options

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["bench_events", "bench_read_bulk"]

_DEFAULT_BULK_SIZE: Final = 6

_bulk_size = option(
    "--bulk-size",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Number of tags; if there are fewer --items, they are repeated.  "
    f"[default: all items, or {_DEFAULT_BULK_SIZE} test tags]",
)
_items = tag_options.optional_items(
    "The tags, separated by commas.  [default: TestMachine_001.TestChangingInt and following]"
)
_duration = option(
    "--duration-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default="10",
    metavar="SECONDS",
    help="Duration of the measurement.",
)


@gateway_command("bench-read-bulk", _bulk_size, _items, _duration, schema="read-bulk-figures")
async def bench_read_bulk(
    gateway: Gateway, output: Output, *, bulk_size: int | None, duration_seconds: float, **selection: Any
) -> None:
    """Advise tags, read them in bulk repeatedly, and print calls per second and latencies in milliseconds.

    Opens its own session and closes it.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs import bench as job  # noqa: PLC0415

    tags = await _tags(gateway, output, bulk_size, **selection)
    await job.bench_read_bulk(await gateway.client(), tags, output, seconds=duration_seconds)


@gateway_command("bench-events", _bulk_size, _items, _duration, schema="event-figures")
async def bench_events(
    gateway: Gateway, output: Output, *, bulk_size: int | None, duration_seconds: float, **selection: Any
) -> None:
    """Advise tags, receive their events as fast as possible, and print events per second.

    Opens its own session and closes it.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs import bench as job  # noqa: PLC0415

    tags = await _tags(gateway, output, bulk_size, **selection)
    await job.bench_events(await gateway.client(), tags, output, seconds=duration_seconds)


async def _tags(gateway: Gateway, output: Output, bulk_size: int | None, **selection: Any) -> tuple[str, ...]:
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.tag_search import find_tags  # noqa: PLC0415

    if selection["tags"] or selection["tags_file"]:
        found = await find_tags(gateway, output, **selection)
        return tuple(islice(cycle(found), bulk_size or len(found)))
    return tuple(
        f"TestMachine_{number:03}.TestChangingInt" for number in range(1, (bulk_size or _DEFAULT_BULK_SIZE) + 1)
    )
