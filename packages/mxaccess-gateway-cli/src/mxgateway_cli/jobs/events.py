"""Printing of a session's events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway import ReplayGap
from mxgateway_cli.jobs.consume import consume
from mxgateway_cli.output.records import event_record
from mxgateway_cli.results.events import event_line, event_style

if TYPE_CHECKING:
    from mxgateway import MxEvent, Session
    from mxgateway_cli.output.console import Output

__all__ = ["print_event", "print_events"]


async def print_events(
    session: Session, output: Output, *, after_sequence: int, max_events: int | None, duration: float | None
) -> None:
    """Print a session's events until `max_events` are printed or `duration` seconds have passed.

    Raises:
        MxGatewayError: The event stream was lost.
    """
    async with session.stream_events(after_sequence=after_sequence) as stream:
        try:
            await consume(
                stream,
                # Flush only after the last queued event: faster for many, and immediate for a single one.
                lambda event: print_event(output, event, flush=stream.pending == 0),
                limit=max_events,
                seconds=duration,
            )
        finally:
            output.flush()


def print_event(output: Output, event: MxEvent, *, flush: bool = True) -> None:
    """Print one event, and a warning if it is a gap."""
    if output.as_json:
        output.json(event_record(event), flush=flush)
    else:
        output.line(event_line(event), event_style(event), flush=flush)
    if isinstance(event, ReplayGap):
        output.diagnostics.warning(event_line(event))
