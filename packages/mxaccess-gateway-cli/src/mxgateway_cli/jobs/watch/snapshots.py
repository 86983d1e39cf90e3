"""Snapshots of all watched tags at a fixed pace."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mxgateway import TagChange, TagRefused, WatchGap, WatchLost, WatchRestored
from mxgateway_cli.results.tags import TagSample

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

    from mxgateway import WatchItem
    from mxgateway_cli.output.console import Diagnostics

__all__ = ["snapshots"]


async def snapshots(
    items: AsyncGenerator[WatchItem], tags: Sequence[str], seconds: float, diagnostics: Diagnostics
) -> AsyncGenerator[WatchItem | TagSample]:
    """Yield a sample of each tag at a fixed pace, and the status items of the watch as they arrive.

    The first snapshot is taken as soon as every tag has a value, or after `seconds`. The pace does not drift. Snapshots
    that are missed because this process was held up are left out, with a warning.
    """
    known = _Known(tags)
    loop = asyncio.get_running_loop()
    beat = loop.time() + seconds
    is_first = True
    pending: asyncio.Task[WatchItem] | None = None
    async with aclosing(items):
        try:
            while True:
                if loop.time() < beat:
                    pending = pending or asyncio.ensure_future(_next(items))
                    await asyncio.wait([pending], timeout=beat - loop.time())
                    if pending.done():
                        try:
                            item = pending.result()
                        except StopAsyncIteration:
                            return
                        finally:
                            pending = None
                        known.add(item)
                        if not isinstance(item, TagChange):
                            yield item
                        if not (is_first and known.is_complete):
                            continue
                        beat = loop.time()
                for sample in known.samples():
                    yield sample
                is_first = False
                missed = int((loop.time() - beat) // seconds)
                if missed:
                    diagnostics.warning(f"left out snapshots because this process was held up: {missed}")
                beat += (missed + 1) * seconds
        finally:
            if pending is not None:
                pending.cancel()
                await asyncio.wait([pending])


async def _next(items: AsyncIterator[WatchItem]) -> WatchItem:
    return await anext(items)


class _Known:
    """What is known of each tag, and whether it is stale."""

    def __init__(self, tags: Sequence[str]) -> None:
        self._changes: dict[str, TagChange | None] = dict.fromkeys(tags)
        self._refused: set[str] = set()
        self._stale: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """Whether every tag has a value or was refused."""
        return all(change is not None or tag in self._refused for tag, change in self._changes.items())

    def add(self, item: WatchItem) -> None:
        """Update what is known."""
        match item:
            case TagChange():
                self._changes[item.tag] = item
                self._stale.discard(item.tag)
            case TagRefused():
                self._refused.add(item.tag)
            case WatchLost() | WatchGap():
                self._stale = set(self._changes)
            case WatchRestored(resumed=True):
                self._stale.clear()
            case WatchRestored():
                pass

    def samples(self) -> Iterator[TagSample]:
        """Yield a sample of each tag that was not refused."""
        now = datetime.now(UTC)
        for tag, change in self._changes.items():
            if tag not in self._refused:
                yield TagSample(tag=tag, time=now, change=change, is_stale=tag in self._stale)
