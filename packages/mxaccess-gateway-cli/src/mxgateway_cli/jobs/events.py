"""Printing of a session's events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway import ReplayGap
from mxgateway_cli.jobs.consume import consume
from mxgateway_cli.output.layouts import Printer
from mxgateway_cli.results.events import EVENTS, event_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mxgateway import MxEvent, Session
    from mxgateway_cli.output.console import Output

__all__ = ["print_drained_events", "print_events"]


async def print_events(
    session: Session, output: Output, *, after_sequence: int, max_events: int | None, duration: float | None
) -> None:
    """Print a session's events until `max_events` are printed or `duration` seconds have passed.

    Raises:
        MxGatewayError: The event stream was lost.
    """
    printer = Printer(output, EVENTS)
    async with session.stream_events(after_sequence=after_sequence) as stream:
        try:
            await consume(
                stream,
                # Flush only after the last queued event: faster for many, and immediate for a single one.
                lambda event: _print(output, printer, event, flush=stream.pending == 0),
                limit=max_events,
                seconds=duration,
            )
        finally:
            output.flush()


def print_drained_events(output: Output, events: Iterable[MxEvent]) -> None:
    """Print events that were taken from the queue of a session."""
    printer = Printer(output, EVENTS)
    for event in events:
        _print(output, printer, event, flush=False)
    output.flush()


def _print(output: Output, printer: Printer[MxEvent], event: MxEvent, *, flush: bool) -> None:
    printer.print(event, flush=flush)
    if isinstance(event, ReplayGap):
        output.diagnostics.warning(event_line(event))
