"""AlarmWatch: the alarms of the gateway across lost connections, as an async iterator."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mxgateway._support.public_names import PublicNames
from mxgateway._support.validation import check_seconds
from mxgateway._watching.overflow import OverflowPolicy, check_queue_size
from mxgateway._watching.queue import WatchQueue
from mxgateway._watching.recovery import Backoff
from mxgateway.alarms.supervisor import CHANGE_TYPES, AlarmQueue, AlarmSupervisor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from mxgateway._connecting.gateways import Gateways
    from mxgateway.alarms.active import ActiveAlarm
    from mxgateway.alarms.changes import AlarmWatchItem
    from mxgateway.alarms.feed import AlarmProviderStatus
    from mxgateway.errors import MxGatewayError

__all__ = ["AlarmWatch", "open_alarm_watch"]


class AlarmWatch(PublicNames):
    """The alarms of the gateway across lost connections: an async iterator and an async context manager.

    It opens a feed of its own (rpc `StreamAlarms`) when it is entered or first iterated, and another one when that is
    lost. It yields

    - AlarmChange for each alarm that is raised, acknowledged, changed or cleared,
    - AlarmSnapshotComplete when every active alarm has been reported, at the start and after every loss,
    - AlarmProviderStatus at the start and when the provider changes; a degraded provider may not report every alarm,
    - WatchLost and WatchRestored when the feed is lost and when it is restored,
    - WatchGap if the reader is slow, in place of the changes that were dropped,
    - UnrecognizedAlarmMessage for a message that is unknown to this version of the client.

    A feed begins with the alarms that are active. The watch compares them with those it knew, and reports the
    differences as changes with `from_snapshot`: at the start every active alarm as raised, after a loss what changed in
    the meantime. `active` is always up to date, however slow the reader is.

    If its client has several `endpoints`, the watch goes to the next gateway that answers when its own stays away for
    longer than `failover_after` seconds, or at once when its error is final. It returns only if `return_to_preferred`
    is called, and ends when the errors of all gateways are final.

    The watch ends normally only when it is closed. Cancelling a wait loses no item. A watch that is dropped is closed
    when it is garbage collected. Entering it and iterating raise

    - MxGatewayAuthorizationError if the key lacks the scope `events:read`,
    - MxGatewayAuthenticationError if the gateway does not accept the key any more,
    - MxGatewayUsageError if the client is closed or belongs to another event loop or process, or if another task is
      already waiting on this watch,
    - MxGatewayError of another kind if the gateway refuses the very first request for a reason that is not temporary.
    """

    def __init__(self, supervisor: AlarmSupervisor) -> None:
        self._supervisor = supervisor

    @property
    def active(self) -> Mapping[str, ActiveAlarm]:
        """The active alarms by full reference, acknowledged or not: a live, read-only view.

        It is empty before the first snapshot is complete, see `complete`, and keeps the last known alarms while the
        feed is lost, see `lost`. It is ahead of the items that the reader has not received yet. Copy it, for example by
        `dict(watch.active)`, to iterate over it with an `await` in between.
        """
        return self._supervisor.table.active

    @property
    def complete(self) -> bool:
        """Whether `active` is complete: the first snapshot has arrived, and the watch has not ended."""
        return self._supervisor.complete

    @property
    def lost(self) -> MxGatewayError | None:
        """Why no changes arrive at present, so that `active` may be outdated; None while they arrive."""
        return self._supervisor.lost

    @property
    def endpoint(self) -> str:
        """The gateway whose feed is read, `host:port`; during a loss, that of the last feed."""
        return self._supervisor.endpoint

    @property
    def provider(self) -> AlarmProviderStatus | None:
        """The last status of the gateway's alarm provider, or None before the first one."""
        return self._supervisor.provider

    @property
    def pending(self) -> int:
        """How many items wait to be received."""
        return len(self._supervisor.queue)

    @property
    def dropped(self) -> int:
        """How many changes were dropped because the reader was slow."""
        return self._supervisor.queue.dropped

    def __repr__(self) -> str:
        supervisor = self._supervisor
        if supervisor.failure is not None:
            state = "ended"
        elif supervisor.lost is not None:
            state = "connection lost"
        else:
            state = "complete" if self.complete else "not complete"
        return f"<AlarmWatch, {state}, {len(self.active)} active, {self.pending} pending, {self.dropped} dropped>"

    async def wait_complete(self) -> None:
        """Wait until `active` is complete, however long the gateway is away. Items are kept for the reader meanwhile.

        Raises:
            MxGatewayError: The watch has ended with this error.
        """
        self._supervisor.start()
        await self._supervisor.wait_complete()

    async def return_to_preferred(self) -> None:
        """Go back to the first of several `endpoints`.

        Nothing happens if the watch is there already, or if that gateway does not answer. The watch reports the change
        like any lost feed: WatchLost, WatchRestored with the `endpoint`, and what differs. Cancelling stops only the
        waiting.

        Raises:
            MxGatewayTransportError: The gateway cannot be connected to, or its feed cannot be read. The watch keeps its
                feed, or reads that of another gateway.
            MxGatewayError: The gateway does not answer, see `GatewayClient.connect`, or the watch has ended with this
                error.
        """
        await self._supervisor.return_to_preferred()

    async def __aenter__(self) -> Self:
        """Open the feed, and wait until `active` is complete or the first attempt has failed."""
        self._supervisor.start()
        entered = False
        try:
            await self._supervisor.wait_tried()
            entered = True
        finally:
            if not entered:
                await self._supervisor.stop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AlarmWatchItem:
        """Return the next change or status item."""
        self._supervisor.start()
        return await self._supervisor.queue.get()

    async def take(self, limit: int) -> list[AlarmWatchItem]:
        """Wait for the next item, then return it and those that have arrived with it: at least one, at most `limit`.

        It is `__anext__` for many items, with the same errors; at the end of the watch it returns an empty list.
        Cancelling it loses no item.
        """
        self._supervisor.start()
        try:
            first = await self._supervisor.queue.get()
        except StopAsyncIteration:
            return []
        return [first, *self._supervisor.queue.take_waiting(limit - 1)]

    async def close(self) -> None:
        """End the watch, drop the items it has not delivered, and wait until its feed is closed.

        Closing twice is allowed.
        """
        await self._supervisor.stop()

    def __del__(self) -> None:
        # Garbage collection may run in any thread, and after the event loop has been closed.
        with contextlib.suppress(RuntimeError):
            self._supervisor.stop_soon()


def open_alarm_watch(
    gateways: Gateways,
    filter_prefix: str,
    *,
    queue_size: int,
    reconnect_delay: float,
    longest_reconnect_delay: float,
    failover_after: float,
) -> AlarmWatch:
    """Return a watch that has not been opened yet; `GatewayClient.watch_alarms` calls this.

    Raises:
        MxGatewayConfigurationError: A number is out of its range.
    """
    queue: AlarmQueue = WatchQueue(check_queue_size(queue_size), OverflowPolicy.DROP_OLDEST, CHANGE_TYPES)
    backoff = Backoff(
        check_seconds("reconnect_delay", reconnect_delay),
        check_seconds("longest_reconnect_delay", longest_reconnect_delay),
    )
    seconds = check_seconds("failover_after", failover_after)
    return AlarmWatch(AlarmSupervisor(gateways, filter_prefix, queue, backoff, seconds))
