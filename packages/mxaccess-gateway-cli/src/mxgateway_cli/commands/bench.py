"""The commands `bench-read-bulk` and `bench-events`, which measure the speed of a gateway."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input.lists import parse_references

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
_items = option(
    "--items",
    callback=parse_references,
    metavar="LIST",
    help="The tags, separated by commas.  [default: TestMachine_001.TestChangingInt and following]",
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
    gateway: Gateway, output: Output, *, bulk_size: int | None, items: tuple[str, ...] | None, duration_seconds: float
) -> None:
    """Advise tags, read them in bulk repeatedly, and print calls per second and latencies in milliseconds.

    Opens its own session and closes it.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs import bench as job  # noqa: PLC0415

    tags = _tags(bulk_size, items)
    await job.bench_read_bulk(await gateway.client(), tags, output, seconds=duration_seconds)


@gateway_command("bench-events", _bulk_size, _items, _duration, schema="event-figures")
async def bench_events(
    gateway: Gateway, output: Output, *, bulk_size: int | None, items: tuple[str, ...] | None, duration_seconds: float
) -> None:
    """Advise tags, receive their events as fast as possible, and print events per second.

    Opens its own session and closes it.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs import bench as job  # noqa: PLC0415

    tags = _tags(bulk_size, items)
    await job.bench_events(await gateway.client(), tags, output, seconds=duration_seconds)


def _tags(bulk_size: int | None, items: tuple[str, ...] | None) -> tuple[str, ...]:
    if items is not None:
        return tuple(islice(cycle(items), bulk_size or len(items)))
    return tuple(
        f"TestMachine_{number:03}.TestChangingInt" for number in range(1, (bulk_size or _DEFAULT_BULK_SIZE) + 1)
    )
