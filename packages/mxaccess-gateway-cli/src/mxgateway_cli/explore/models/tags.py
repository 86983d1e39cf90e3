"""WatchedTags: the watched tags, their values and their history."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mxgateway import (
    MxGatewayAuthorizationError,
    MxGatewayError,
    OverflowPolicy,
    TagChange,
    TagRefused,
    WatchGap,
    WatchLost,
    WatchRestored,
)
from mxgateway_cli.explore.models.connection import TAGS, explain
from mxgateway_cli.jobs.watch.rows import TagRow
from mxgateway_cli.output.formatting import time_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mxgateway import TagClient, TagWatch, WatchItem
    from mxgateway_cli.explore.models.clock import Clock
    from mxgateway_cli.explore.models.connection import Connection

__all__ = ["WatchedTag", "WatchedTags"]

# A fast tag is looked at this often. The watch keeps only its newest change in between, so that a thousand fast tags
# cost no more than a thousand slow ones.
_PAUSE_SECONDS: Final = 0.2
_MAX_TAKEN: Final = 2000
# Two minutes of a tag that changes in each pause, and longer for all others.
_MAX_POINTS: Final = 600


@dataclass(slots=True, kw_only=True)
class WatchedTag:
    """A watched tag.

    Attributes:
        row: Its last value and its state.
        history: Its last numbers, each with its arrival in seconds of the monotonic clock.
        arrived: When the last value arrived, in seconds of the monotonic clock; None before the first one.
    """

    row: TagRow
    history: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_MAX_POINTS))
    arrived: float | None = None

    def age(self, clock: Clock) -> float | None:
        """Return how old the value is, in seconds: by its own time, or since it arrived if that is in the future."""
        if self.row.last is None or self.arrived is None:
            return None
        since_arrival = clock.monotonic() - self.arrived
        when = time_of(self.row.last)
        return since_arrival if when is None else max(since_arrival, (clock.now() - when).total_seconds())

    def add(self, change: TagChange, now: float) -> None:
        """Take a change."""
        self.row.add(change, now)
        self.row.mark(now, is_stale=False)
        self.arrived = now
        value = value_of(change)
        if isinstance(value, (int, float)) and math.isfinite(value):
            self.history.append((now, float(value)))


class WatchedTags:
    """Watches tags, which can be added and removed at any time.

    Args:
        client: Watches the tags.
        connection: Learns what happens to the watches.
        clock: The time.
    """

    def __init__(self, client: TagClient, connection: Connection, clock: Clock) -> None:
        self._client = client
        self._connection = connection
        self._clock = clock
        self._tags: dict[str, WatchedTag] = {}
        self._readers: dict[asyncio.Task[None], TagWatch] = {}

    @property
    def by_name(self) -> Mapping[str, WatchedTag]:
        """The watched tags by name, in the order in which they were added."""
        return self._tags

    def add(self, names: Iterable[str]) -> None:
        """Watch tags, except for those that are watched already.

        Raises:
            MxGatewayConfigurationError: One of the names is not a valid tag name.
        """
        added = [name for name in dict.fromkeys(names) if name not in self._tags]
        if not added:
            return
        watch = self._client.watch(*added, overflow=OverflowPolicy.LATEST)
        now = self._clock.monotonic()
        self._tags |= {name: WatchedTag(row=TagRow(tag=name, started=now)) for name in added}
        self._connection.join(watch, TAGS)
        reader = asyncio.create_task(self._read(watch), name="mxgw-py explore tags")
        self._readers[reader] = watch

    async def remove(self, name: str) -> None:
        """Stop watching a tag."""
        self._tags.pop(name, None)
        for reader, watch in list(self._readers.items()):
            if not any(tag in self._tags for tag in watch.tags):
                await self._stop(reader)

    async def close(self) -> None:
        """Stop watching all tags."""
        for reader in list(self._readers):
            await self._stop(reader)

    async def _stop(self, reader: asyncio.Task[None]) -> None:
        watch = self._readers.pop(reader)
        watch.close()
        self._connection.leave(watch)
        reader.cancel()
        await asyncio.wait([reader])

    async def _read(self, watch: TagWatch) -> None:
        try:
            while items := await watch.take(_MAX_TAKEN):
                now = self._clock.monotonic()
                for item in items:
                    self._add(watch, item, now)
                await asyncio.sleep(_PAUSE_SECONDS)
        except MxGatewayError as error:
            self._fail(watch, error)

    def _add(self, watch: TagWatch, item: WatchItem, now: float) -> None:
        match item:
            case TagChange():
                if (tag := self._tags.get(item.tag)) is not None:
                    tag.add(item, now)
            case TagRefused():
                if (tag := self._tags.get(item.tag)) is not None:
                    tag.row.refusal = f"refused: {item.error_message}"
            case WatchLost():
                self._connection.lose(watch, item.error)
                self._mark(watch, now, is_stale=True)
            case WatchRestored():
                self._connection.restore(watch, item)
                if item.resumed:
                    self._mark(watch, now, is_stale=False)
            case WatchGap():
                self._connection.report_gap()
                self._mark(watch, now, is_stale=True)

    def _fail(self, watch: TagWatch, error: MxGatewayError) -> None:
        self._connection.leave(watch)
        if isinstance(error, MxGatewayAuthorizationError):
            # Other calls may be allowed.
            for tag in self._watched_by(watch):
                tag.row.refusal = f"cannot watch: {explain(error)}"
        else:
            self._connection.end(error)
        self._mark(watch, self._clock.monotonic(), is_stale=True)

    def _mark(self, watch: TagWatch, now: float, *, is_stale: bool) -> None:
        for tag in self._watched_by(watch):
            tag.row.mark(now, is_stale=is_stale)

    def _watched_by(self, watch: TagWatch) -> Sequence[WatchedTag]:
        return [self._tags[name] for name in watch.tags if name in self._tags]
