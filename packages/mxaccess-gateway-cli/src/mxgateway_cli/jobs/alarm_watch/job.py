"""The job of `watch-alarms`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway import WatchGap
from mxgateway_cli.jobs.consume import consume
from mxgateway_cli.output.layouts import Printer
from mxgateway_cli.output.settings import OutputFormat
from mxgateway_cli.results.alarm_watch import ALARM_WATCH_ITEMS, alarm_watch_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway import AlarmWatch, AlarmWatchItem, GatewayClient
    from mxgateway_cli.output.console import Output

__all__ = ["watch_alarms"]


async def watch_alarms(
    client: GatewayClient,
    output: Output,
    *,
    filter_prefix: str,
    operator: str,
    max_events: int | None,
    duration: float | None,
    failover_after: float,
) -> None:
    """Show the active alarms and their changes until `max_events` are shown or `duration` seconds have passed.

    Raises:
        MxGatewayError: The watch failed and cannot be restored.
    """
    watch = client.watch_alarms(filter_prefix, failover_after=failover_after)
    try:
        if output.can_be_live:
            await _show(client, watch, output, operator=operator, max_events=max_events, duration=duration)
        else:
            await consume(watch, _printing(watch, output), limit=max_events, seconds=duration)
    finally:
        await watch.close()


def _printing(watch: AlarmWatch, output: Output) -> Callable[[AlarmWatchItem], None]:
    printer = Printer(output, ALARM_WATCH_ITEMS)

    def show(item: AlarmWatchItem) -> None:
        if output.format is OutputFormat.VALUE and isinstance(item, WatchGap):
            # Bare values have no place for it.
            output.diagnostics.warning(alarm_watch_line(item))
        # Flush only after the last queued item: faster for many, and immediate for a single one.
        printer.print(item, flush=watch.pending == 0)

    return show


async def _show(
    client: GatewayClient,
    watch: AlarmWatch,
    output: Output,
    *,
    operator: str,
    max_events: int | None,
    duration: float | None,
) -> None:
    # Imported late: they are needed on a terminal only.
    from mxgateway_cli.jobs.alarm_watch.acknowledging import Acknowledgements  # noqa: PLC0415
    from mxgateway_cli.jobs.alarm_watch.view import AlarmView  # noqa: PLC0415
    from mxgateway_cli.output.live.region import LiveRegion  # noqa: PLC0415

    acknowledgements = Acknowledgements(client, operator)
    view = AlarmView(watch, acknowledgements, output.zone)
    async with LiveRegion(output, view) as region:
        try:
            await region.run(consume(watch, view.add, limit=max_events, seconds=duration))
        finally:
            await acknowledgements.close()
