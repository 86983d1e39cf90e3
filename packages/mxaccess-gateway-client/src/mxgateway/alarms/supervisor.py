"""AlarmSupervisor: reads the alarm feed of a watch, and opens it again after a loss."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from mxgateway._connecting.failover import Failover
from mxgateway._watching.items import WatchLost, WatchRestored
from mxgateway._watching.queue import WatchQueue
from mxgateway._watching.recovery import TRANSIENT
from mxgateway.alarms.active import ActiveAlarm
from mxgateway.alarms.changes import AlarmChange, AlarmWatchItem
from mxgateway.alarms.feed import AlarmFeed, AlarmProviderStatus, AlarmSnapshotComplete, UnrecognizedAlarmMessage
from mxgateway.alarms.table import AlarmTable, check_alarm_count
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
)
from mxgateway.events.views import AlarmTransition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway._connecting.gateways import Gateway, Gateways
    from mxgateway._watching.recovery import Backoff
    from mxgateway.alarms.feed import AlarmFeedItem

__all__ = ["CHANGE_TYPES", "AlarmQueue", "AlarmReport", "AlarmSupervisor"]

_logger = logging.getLogger("mxgateway.alarms")

AlarmReport: TypeAlias = AlarmChange | AlarmProviderStatus | UnrecognizedAlarmMessage
"""What a gateway can send without limit, so that a slow reader may miss it."""
CHANGE_TYPES: Final = (AlarmChange, AlarmProviderStatus, UnrecognizedAlarmMessage)
AlarmQueue: TypeAlias = WatchQueue[AlarmReport, AlarmWatchItem]


class AlarmSupervisor:
    """Read the alarm feed of one watch, keep the table of active alarms, and open the feed again after a loss.

    It does not refer to the watch, so that a dropped watch can be collected.

    Attributes:
        table: The active alarms.
        queue: The items of the watch.
        provider: The last status of the alarm provider, or None before the first one.
        lost: Why the feed is lost at present, or None while it is not.
        failure: Why the watch has ended, or None.
    """

    def __init__(
        self, gateways: Gateways, filter_prefix: str, queue: AlarmQueue, backoff: Backoff, failover_after: float
    ) -> None:
        self._gateways = gateways
        # That of the client. Its closing ends the watch, whatever gateway the watch uses.
        self._channel = gateways.current.channel
        self._failover = Failover(gateways, failover_after)
        self._filter_prefix = filter_prefix
        self._backoff = backoff
        self._feed: AlarmFeed | None = None
        # Why the watch has closed the feed itself.
        self._reason_to_leave: MxGatewayError | None = None
        self._heard = 0.0
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False
        # Set while a feed is in use.
        self._in_use = asyncio.Event()
        # Set when the first snapshot is complete, and when the first attempt has ended in any way.
        self._complete = asyncio.Event()
        self._tried = asyncio.Event()
        self.table: Final = AlarmTable()
        self.queue: Final = queue
        self.provider: AlarmProviderStatus | None = None
        self.lost: MxGatewayError | None = None
        self.failure: MxGatewayError | None = None

    @property
    def complete(self) -> bool:
        """Whether the table is complete: the first snapshot has arrived."""
        return self._complete.is_set() and self.failure is None

    @property
    def endpoint(self) -> str:
        """Address of the gateway in use, `host:port`."""
        return self._failover.endpoint

    def start(self) -> None:
        """Start to read in a task, unless that was done before.

        Raises:
            MxGatewayUsageError: The client is closed, or belongs to another event loop or process.
        """
        if self._task is not None or self._stopped:
            return
        self._channel.check_usable()
        self._loop = asyncio.get_running_loop()
        self._task = self._channel.start_task(self._supervise(), name="mxgateway alarms")
        self._channel.cancel_on_close(self._task, task=self._task)
        self._task.add_done_callback(self._task_ended)

    async def wait_tried(self) -> None:
        """Wait until the first snapshot is complete, or the first attempt to get it has failed.

        Raises:
            MxGatewayError: The watch has ended with this error.
        """
        await self._tried.wait()
        if self.failure is not None:
            raise self.failure

    async def wait_complete(self) -> None:
        """Wait until the first snapshot is complete.

        Raises:
            MxGatewayError: The watch has ended with this error.
        """
        await self._complete.wait()
        if self.failure is not None:
            raise self.failure

    async def return_to_preferred(self) -> None:
        """Read the feed of the preferred gateway, unless that is done already.

        Raises:
            MxGatewayError: See `Failover.return_to_preferred`, or the watch has ended with this error.
        """
        self.start()
        if self.failure is not None:
            raise self.failure
        await self._failover.return_to_preferred(self._leave)

    async def _leave(self, reason: MxGatewayError) -> None:
        self._in_use.clear()
        if self._feed is not None:
            self._reason_to_leave = reason
            await self._feed.close()
        await self._in_use.wait()
        if self.failure is not None:
            raise self.failure

    async def stop(self) -> None:
        """End the watch, and wait until its feed is closed."""
        self._stopped = True
        self.queue.close()
        self._end(MxGatewayUsageError("the watch of alarms is closed"))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def stop_soon(self) -> None:
        """End the watch. Safe in any thread. Raises RuntimeError if the event loop has been closed."""
        if self._loop is not None and self._task is not None and not self._task.done():
            self._stopped = True
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() or self._stopped:
            return
        if self._channel.closed:
            self._end(self._channel.closed_error())
            return
        hint = "close the watch before you cancel all tasks of the event loop"
        self._give_up(MxGatewayUsageError("the task of the alarm watch was cancelled from outside", self._facts(hint)))

    async def _supervise(self) -> None:
        try:
            await self._read_feeds()
        except MxGatewayError as error:
            self._give_up(error)
        except Exception as error:
            # A defect of the library: no caller may wait forever because of it.
            _logger.exception("the watch of alarms failed")
            self._give_up(MxGatewayError(f"the watch of alarms failed: {error!r}"))

    async def _read_feeds(self) -> None:
        """Read one feed after the other until that is useless.

        Raises:
            MxGatewayError: The reason.
        """
        candidates: Sequence[Gateway] = [self._failover.own]
        while True:
            for gateway in candidates:
                failure = await self._read_feed(gateway)
                final = not self.complete and not isinstance(failure, (*TRANSIENT, MxGatewayTimeoutError))
                if self.lost is None:
                    # Before the first snapshot, an error that is not transient means that the gateway does not accept
                    # the request.
                    self._failover.lose(failure, final=final)
                    self._lose(failure)
                    break
                self._failover.fail(gateway, failure, final=final)
                seconds = self._backoff.next_delay
                _logger.warning("alarm feed is not restored yet, next attempt within %.3g s: %s", seconds, failure)
            self._tried.set()
            await self._backoff.wait(at_most=self._failover.seconds_left())
            candidates = self._failover.candidates()

    def _lose(self, failure: MxGatewayError) -> None:
        self.lost = failure
        if self.complete:
            self._failover.own.channel.counters.losses += 1
        self._reason_to_leave = None
        self._in_use.clear()
        self.queue.put_status(WatchLost(error=failure))
        _logger.warning("alarm feed lost: %s", failure)

    async def _read_feed(self, gateway: Gateway) -> MxGatewayError:
        """Read the feed of a gateway until it ends, and return the reason."""
        try:
            async with AsyncExitStack() as stack:
                async with self._failover.attempt(gateway):
                    feed = await stack.enter_async_context(AlarmFeed(gateway.channel, self._filter_prefix))
                    alarms, held = await self._receive_snapshot_in_time(feed)
                self._feed = feed
                self._replace_alarms(gateway, alarms)
                for item in held:
                    self._receive(item)
                async for item in feed:
                    self._receive(item)
        except MxGatewayError as error:
            return error
        finally:
            self._feed = None
        reason, self._reason_to_leave = self._reason_to_leave, None
        return reason or self._feed_closed()

    async def _receive_snapshot_in_time(self, feed: AlarmFeed) -> tuple[list[ActiveAlarm], list[AlarmFeedItem]]:
        seconds = self._gateways.options.timeout
        try:
            async with asyncio.timeout(seconds):
                return await self._receive_snapshot(feed)
        except TimeoutError as error:
            if isinstance(error, MxGatewayError):
                raise
        summary = f"the list of active alarms was not complete within {seconds:g} s"
        raise MxGatewayTimeoutError(summary, self._facts())

    async def _receive_snapshot(self, feed: AlarmFeed) -> tuple[list[ActiveAlarm], list[AlarmFeedItem]]:
        """Return the active alarms at the start of a feed, and other items that arrived before the last of them."""
        alarms: list[ActiveAlarm] = []
        held: list[AlarmFeedItem] = []
        async for item in feed:
            match item:
                case AlarmSnapshotComplete():
                    break
                case ActiveAlarm():
                    alarms.append(item)
                case _:
                    held.append(item)
            check_alarm_count(len(alarms) + len(held))
        else:
            raise self._feed_closed()
        return alarms, held

    def _replace_alarms(self, gateway: Gateway, alarms: list[ActiveAlarm]) -> None:
        self._failover.restore(gateway)
        if self.lost is not None:
            self.lost = None
            if self.complete:
                gateway.channel.counters.reconnects += 1
            missed_since = datetime.fromtimestamp(self._heard, UTC) if self._heard else None
            self.queue.put_status(WatchRestored(resumed=False, endpoint=gateway.endpoint, missed_since=missed_since))
            _logger.warning("alarm feed restored at %s", gateway.endpoint)
        self._heard = time.time()
        for change in self.table.replace(alarms):
            self.queue.put_change(change)
        self.queue.put_status(AlarmSnapshotComplete())
        self._backoff.reset()
        self._in_use.set()
        self._complete.set()
        self._tried.set()

    def _receive(self, item: AlarmFeedItem) -> None:
        self._heard = time.time()
        match item:
            case AlarmTransition():
                self._put(self.table.apply(item))
            case ActiveAlarm():
                self._put(self.table.update(item))
            case AlarmProviderStatus():
                if self.provider is None or self.provider.raw != item.raw:
                    self.provider = item
                    self._put(item)
            case AlarmSnapshotComplete():
                pass
            case UnrecognizedAlarmMessage():
                self._put(item)

    def _put(self, report: AlarmReport | None) -> None:
        if report is not None:
            self.queue.put_change(report)

    def _give_up(self, failure: MxGatewayError) -> None:
        if self.failure is None and not self._stopped:
            _logger.error("the watch of alarms has ended: %s", failure)
        self._end(failure)

    def _end(self, failure: MxGatewayError) -> None:
        """End the watch for good. Everything that waits gets this error, or the first one."""
        self.failure = self.failure or failure
        self.lost = self.failure
        self.queue.fail(self.failure)
        self._in_use.set()
        self._complete.set()
        self._tried.set()

    def _feed_closed(self) -> MxGatewayTransportError:
        return MxGatewayTransportError("the alarm feed was closed", self._facts())

    def _facts(self, hint: str | None = None) -> ErrorFacts:
        return ErrorFacts(method="StreamAlarms", target=self.endpoint, hint=hint)
