"""Commands for the events of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mxgateway_cli.connecting.gateway_command import gateway_command
from mxgateway_cli.help import option
from mxgateway_cli.input import options

if TYPE_CHECKING:
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["drain_events", "stream_events"]


@gateway_command(
    "stream-events",
    options.session_id,
    option(
        "--after-sequence",
        type=click.IntRange(min=0, max=2**64 - 1),
        default=0,
        show_default=True,
        metavar="SEQUENCE",
        help="Resume after the event with this workerSequence; 0 starts a new stream.",
    ),
    options.count("Stop after this number of events.", "--max-events"),
    options.duration("Stop after this time, for example 90s, even if no events arrived."),
    schema="event",
)
async def stream_events(
    gateway: Gateway,
    output: Output,
    *,
    session_id: str,
    after_sequence: int,
    count: int | None,
    duration: float | None,
) -> None:
    """Print the events of a session as they arrive, until --count, --duration or Ctrl-C.

    The session stays open, but a gateway closes it 30 seconds after its last stream has ended.
    """
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.events import print_events  # noqa: PLC0415

    session = await gateway.attach(session_id)
    await print_events(session, output, after_sequence=after_sequence, max_events=count, duration=duration)


@gateway_command(
    "drain-events",
    options.session_id,
    options.count("Maximum number of events.  [default: all]", "--max-events", limit=2**32 - 1),
    schema="event",
)
async def drain_events(gateway: Gateway, output: Output, *, session_id: str, count: int | None) -> None:
    """Remove the queued events of a session, oldest first, and print them. No stream delivers them afterwards."""
    # Imported late so that --help doesn't load grpc.
    from mxgateway_cli.jobs.events import print_drained_events  # noqa: PLC0415

    session = await gateway.attach(session_id)
    print_drained_events(output, await session.drain_events(count or 0))
