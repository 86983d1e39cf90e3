"""`bench-read-bulk` and `bench-events`: how fast a gateway is from here."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input.lists import as_references

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["bench_events", "bench_read_bulk"]

_TEST_TAGS: Final = 6

_bulk_size = option(
    "--bulk-size",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help=f"How many tags; more than there are in --items begin again with the first.  [default: all, or {_TEST_TAGS}]",
)
_items = option(
    "--items",
    callback=as_references,
    metavar="LIST",
    help="The tags with commas between them.  [default: TestMachine_001.TestChangingInt and so on]",
)
_duration = option(
    "--duration-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default="10",
    metavar="SECONDS",
    help="How long to go on.",
)


@gateway_command("bench-read-bulk", _bulk_size, _items, _duration, schema="read-bulk-figures")
async def bench_read_bulk(
    gateway: Gateway, output: Output, *, bulk_size: int | None, items: tuple[str, ...] | None, duration_seconds: float
) -> None:
    """Advise tags, read them in bulk again and again, and print calls a second and latencies in milliseconds.

    Opens a session of its own and closes it.
    """
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.jobs import bench as job  # noqa: PLC0415

    tags = _tags(bulk_size, items)
    await job.bench_read_bulk(await gateway.client(), tags, output, seconds=duration_seconds)


@gateway_command("bench-events", _bulk_size, _items, _duration, schema="event-figures")
async def bench_events(
    gateway: Gateway, output: Output, *, bulk_size: int | None, items: tuple[str, ...] | None, duration_seconds: float
) -> None:
    """Advise tags, take their events as fast as they come, and print events a second.

    Opens a session of its own and closes it.
    """
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.jobs import bench as job  # noqa: PLC0415

    tags = _tags(bulk_size, items)
    await job.bench_events(await gateway.client(), tags, output, seconds=duration_seconds)


def _tags(bulk_size: int | None, items: tuple[str, ...] | None) -> tuple[str, ...]:
    if items is not None:
        return tuple(islice(cycle(items), bulk_size or len(items)))
    return tuple(f"TestMachine_{number:03}.TestChangingInt" for number in range(1, (bulk_size or _TEST_TAGS) + 1))
