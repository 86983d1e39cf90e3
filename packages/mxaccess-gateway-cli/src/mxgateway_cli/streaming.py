"""The events of a session to stdout, as long as somebody wants them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mxgateway import ReplayGap
from mxgateway_cli.event_lines import event_line, event_style
from mxgateway_cli.records import event_record

if TYPE_CHECKING:
    from mxgateway import EventStream, MxEvent, Session
    from mxgateway_cli.output import Output

__all__ = ["print_event", "print_events"]


async def print_events(
    session: Session, output: Output, *, after_sequence: int, max_events: int | None, duration: float | None
) -> None:
    """Print a session's events until `max_events` came or `duration` seconds are over, or for ever.

    Raises:
        MxGatewayError: the stream was lost.
    """
    async with session.stream_events(after_sequence=after_sequence) as stream:
        # A deadline that has passed is the end that was asked for; a TimeoutError of the library's is an error.
        deadline = asyncio.timeout(duration)
        try:
            async with deadline:
                await _print_all(stream, output, max_events)
        except TimeoutError:
            if not deadline.expired():
                raise
        finally:
            output.flush()


async def _print_all(stream: EventStream, output: Output, max_events: int | None) -> None:
    async for event in stream:
        # Many lines at once where many events wait, each at once where none does.
        print_event(output, event, flush=stream.pending == 0)
        if max_events is not None and stream.delivered >= max_events:
            return


def print_event(output: Output, event: MxEvent, *, flush: bool = True) -> None:
    """Print one event; a gap is worth a warning too."""
    if output.as_json:
        output.json(event_record(event), flush=flush)
    else:
        output.line(event_line(event), event_style(event), flush=flush)
    if isinstance(event, ReplayGap):
        output.diagnostics.warning(event_line(event))
