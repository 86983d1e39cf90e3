"""Helpers for tests of TagClient: the commands that the gateway received, and the items of a watch."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxGatewayError, TagChange, TagWatch, WatchItem, WatchLost, WatchRestored
from mxgateway.testing import SimulatedGateway, Tag

INT = "TestChildObject.TestInt"
STRING = "TestChildObject.TestString"
DOUBLE = "TestChildObject.TestDouble"
ARRAY = "TestChildObject.TestIntArray"
UNKNOWN = "NoSuchObject_999.NoSuchAttr"


class Restored:
    """Equal to every WatchRestored with the same `resumed`."""

    def __init__(self, *, resumed: bool) -> None:
        self._resumed = resumed

    def __eq__(self, item: object) -> bool:
        return isinstance(item, WatchRestored) and item.resumed is self._resumed

    def __hash__(self) -> int:
        return hash(self._resumed)

    def __repr__(self) -> str:
        return f"Restored(resumed={self._resumed})"


RESUMED = Restored(resumed=True)
REPLACED = Restored(resumed=False)


def add_tags(gateway: SimulatedGateway, count: int) -> list[str]:
    """Add this many tags to the plant, with their numbers as values."""
    return [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", number)).name for number in range(count)]


def commands(gateway: SimulatedGateway) -> Counter[str]:
    """Count the commands that the gateway received by name: `{"ADD_ITEM_BULK": 1}`."""
    kinds = [
        call.request.command.kind
        for call in gateway.calls
        if isinstance(call.request, pb.MxCommandRequest) and call.request.session_id
    ]
    return Counter(pb.MxCommandKind.Name(kind).removeprefix("MX_COMMAND_KIND_") for kind in kinds)


def writes(gateway: SimulatedGateway) -> int:
    """Count the writes that the gateway received, each entry of a bulk write as one."""
    sent = [call.request.command for call in gateway.calls if isinstance(call.request, pb.MxCommandRequest)]
    alone = sum(command.WhichOneof("payload") in {"write", "write2"} for command in sent)
    return alone + sum(len(command.write_bulk.entries) + len(command.write2_bulk.entries) for command in sent)


def entries(gateway: SimulatedGateway) -> list[int]:
    """Return the number of writes per write command, sorted."""
    sent = [call.request.command for call in gateway.calls if isinstance(call.request, pb.MxCommandRequest)]
    counts = [
        len(command.write_bulk.entries) + len(command.write2_bulk.entries) or 1
        for command in sent
        if (command.WhichOneof("payload") or "").startswith("write")
    ]
    return sorted(counts)


def running_timers() -> int:
    """Count the timers of event loops that have not been cancelled."""
    gc.collect()
    timers = [each for each in gc.get_objects() if type(each) is asyncio.TimerHandle]
    return sum(not timer.cancelled() for timer in timers)


async def outcomes(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Make calls concurrently, and return what each returned or raised."""
    return await asyncio.gather(*calls, return_exceptions=True)


def advised(gateway: SimulatedGateway) -> list[str]:
    """Return the tags that are advised in the only session."""
    (session,) = gateway.sessions
    return sorted(item.definition for item in session.items if item.advised)


async def following(watch: TagWatch) -> WatchItem:
    """Return the next item of a watch. Thousands of tags may take seconds on a busy machine."""
    async with asyncio.timeout(20):
        return await anext(watch)


async def following_change(watch: TagWatch) -> TagChange:
    """Return the next item of a watch, which must be a change."""
    item = await following(watch)
    assert isinstance(item, TagChange), item
    return item


async def first_values(watch: TagWatch, count: int = 1) -> dict[str, object]:
    """Return the first changes of this many tags, by tag."""
    changes = [await following_change(watch) for _ in range(count)]
    return {change.tag: change.value for change in changes}


async def until_value(watch: TagWatch, value: object) -> list[WatchItem]:
    """Return the items of a watch up to and including the change with this value."""
    items: list[WatchItem] = []
    while True:
        items.append(await following(watch))
        if isinstance(items[-1], TagChange) and items[-1].value == value:
            return items


async def lost(watch: TagWatch) -> MxGatewayError:
    """Return the error of the next item of a watch, which must be a WatchLost."""
    item = await following(watch)
    assert isinstance(item, WatchLost), item
    return item.error


async def restored(watch: TagWatch) -> WatchRestored:
    """Return the next item of a watch, which must be a WatchRestored."""
    item = await following(watch)
    assert isinstance(item, WatchRestored), item
    return item


async def sent(gateway: SimulatedGateway, write: Coroutine[None, None, None], count: int = 1) -> asyncio.Task[None]:
    """Start a write, and wait until the gateway has accepted `count` writes in all."""
    writing = asyncio.create_task(write)
    await taken(gateway, count)
    return writing


async def taken(gateway: SimulatedGateway, count: int) -> None:
    """Wait until the gateway has accepted this many writes."""
    await gateway.wait_for(lambda: writes(gateway) == count and not gateway.sessions[0].pending_commands)


@contextlib.asynccontextmanager
async def counting(gateway: SimulatedGateway, begin: int = 1000, pause: float = 0.005) -> AsyncGenerator[None]:
    """Count INT up during the block, with a pause of these seconds after each change."""

    async def count() -> None:
        value = begin
        while True:
            gateway.plant[INT].set(value)
            value += 1
            await asyncio.sleep(pause)

    task = asyncio.create_task(count())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
