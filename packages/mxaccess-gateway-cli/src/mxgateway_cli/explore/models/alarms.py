"""AlarmList: the active alarms, and their acknowledgements."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mxgateway import MxGatewayAuthorizationError, MxGatewayError, WatchLost, WatchRestored
from mxgateway_cli.explore.models.connection import ALARMS, explain
from mxgateway_cli.jobs.alarm_watch.acknowledging import Acknowledgements
from mxgateway_cli.results.alarms import alarm_order, is_acknowledged, provider_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mxgateway import ActiveAlarm, AlarmWatchItem, GatewayClient
    from mxgateway_cli.explore.models.clock import Clock
    from mxgateway_cli.explore.models.connection import Connection

__all__ = ["AlarmList"]


class AlarmList:
    """The active alarms, those that are not acknowledged first.

    Args:
        client: Watches and acknowledges the alarms.
        connection: Learns what happens to the watch.
        clock: The time.
        operator: The user who acknowledges.
        failover_after: As for `GatewayClient.watch_alarms`.

    Attributes:
        problem: Why there are no alarms, or an empty text.
        lost_since: Since when the alarms may be outdated, in seconds of the monotonic clock; None while they are not.
    """

    def __init__(
        self, client: GatewayClient, connection: Connection, clock: Clock, *, operator: str, failover_after: float
    ) -> None:
        self._watch = client.watch_alarms(failover_after=failover_after)
        self._acknowledgements = Acknowledgements(client, operator)
        self._connection = connection
        self._clock = clock
        self._reader: asyncio.Task[None] | None = None
        self.problem = ""
        self.lost_since: float | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._connection.join(self._watch, ALARMS)
        self._reader = asyncio.create_task(self._read(), name="mxgw-py explore alarms")

    @property
    def is_complete(self) -> bool:
        """Whether all active alarms have arrived."""
        return self._watch.complete

    @property
    def active(self) -> Sequence[ActiveAlarm]:
        """The active alarms: those that are not acknowledged first, the latest first."""
        return sorted(self._watch.active.values(), key=alarm_order)

    @property
    def summary(self) -> str:
        """How many alarms there are, in words."""
        if self.problem:
            return "alarms unavailable"
        if not self.is_complete:
            return "alarms not known yet"
        count = len(self._watch.active)
        alarms = f"{count} {'alarm' if count == 1 else 'alarms'}"
        if self.lost_since is not None:
            return f"{alarms} (outdated)"
        waiting = sum(not is_acknowledged(alarm) for alarm in self._watch.active.values())
        return f"{alarms}, {waiting} not acknowledged"

    @property
    def provider_problem(self) -> str:
        """Why alarms may be missing, if the gateway's alarm provider is degraded; otherwise an empty text."""
        provider = self._watch.provider
        return provider_line(provider) if provider is not None and provider.degraded else ""

    def find(self, reference: str) -> ActiveAlarm | None:
        """Return an active alarm by its full reference, or None."""
        return self._watch.active.get(reference)

    def acknowledge(self, reference: str, comment: str, note: Callable[[str], None]) -> None:
        """Acknowledge an alarm without waiting for the result, which `note` is called with."""
        self._acknowledgements.start(reference, comment, note)

    async def close(self) -> None:
        """Stop watching."""
        await self._acknowledgements.close()
        await self._watch.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            async for item in self._watch:
                self._add(item)
        except MxGatewayError as error:
            self._connection.leave(self._watch)
            self.problem = explain(error)
            if not isinstance(error, MxGatewayAuthorizationError):
                self._connection.end(error)

    def _add(self, item: AlarmWatchItem) -> None:
        match item:
            case WatchLost():
                self.lost_since = self._clock.monotonic()
                self._connection.lose(self._watch, item.error)
            case WatchRestored():
                self.lost_since = None
                self._connection.restore(self._watch, item)
            case _:
                # The table shows what the watch knows of the alarms.
                pass
