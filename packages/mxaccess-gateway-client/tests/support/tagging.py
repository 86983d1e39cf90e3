"""What the tests of TagClient look at: the commands that the gateway saw, and what a watch brings."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxGatewayError, TagChange, TagWatch, WatchItem, WatchLost, WatchRestored
from mxgateway.testing import SimulatedGateway, Tag

INT = "TestChildObject.TestInt"
STRING = "TestChildObject.TestString"
DOUBLE = "TestChildObject.TestDouble"
ARRAY = "TestChildObject.TestIntArray"
UNKNOWN = "NoSuchObject_999.NoSuchAttr"

RESUMED = WatchRestored(resumed=True)
ANEW = WatchRestored(resumed=False)


def add_tags(gateway: SimulatedGateway, count: int) -> list[str]:
    """Give the plant so many tags, whose values are their numbers."""
    return [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", number)).name for number in range(count)]


def commands(gateway: SimulatedGateway) -> Counter[str]:
    """Count the commands that the gateway saw by their names: `{"ADD_ITEM_BULK": 1}`."""
    kinds = [
        call.request.command.kind
        for call in gateway.calls
        if isinstance(call.request, pb.MxCommandRequest) and call.request.session_id
    ]
    return Counter(pb.MxCommandKind.Name(kind).removeprefix("MX_COMMAND_KIND_") for kind in kinds)


def writes(gateway: SimulatedGateway) -> int:
    """Count the writes that the gateway saw, each entry of a bulk write as one."""
    sent = [call.request.command for call in gateway.calls if isinstance(call.request, pb.MxCommandRequest)]
    alone = sum(command.WhichOneof("payload") in {"write", "write2"} for command in sent)
    return alone + sum(len(command.write_bulk.entries) + len(command.write2_bulk.entries) for command in sent)


def entries(gateway: SimulatedGateway) -> list[int]:
    """How many writes each command carried that writes."""
    sent = [call.request.command for call in gateway.calls if isinstance(call.request, pb.MxCommandRequest)]
    counts = [
        len(command.write_bulk.entries) + len(command.write2_bulk.entries) or 1
        for command in sent
        if (command.WhichOneof("payload") or "").startswith("write")
    ]
    return sorted(counts)


async def outcomes(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Make calls at the same time, and give what each returned or raised."""
    return await asyncio.gather(*calls, return_exceptions=True)


def advised(gateway: SimulatedGateway) -> list[str]:
    """Give what the only session has advised."""
    (session,) = gateway.sessions
    return sorted(item.definition for item in session.items if item.advised)


async def following(watch: TagWatch) -> WatchItem:
    """Give what a watch brings next, within twenty seconds: thousands of tags take that long on a busy machine."""
    async with asyncio.timeout(20):
        return await anext(watch)


async def following_change(watch: TagWatch) -> TagChange:
    """Give the next change, which must be what the watch brings next."""
    item = await following(watch)
    assert isinstance(item, TagChange), item
    return item


async def first_values(watch: TagWatch, count: int = 1) -> dict[str, object]:
    """Give the first changes of so many tags, by tag."""
    changes = [await following_change(watch) for _ in range(count)]
    return {change.tag: change.value for change in changes}


async def until_value(watch: TagWatch, value: object) -> list[WatchItem]:
    """Give everything that a watch brings up to the change that has this value."""
    items: list[WatchItem] = []
    while True:
        items.append(await following(watch))
        if isinstance(items[-1], TagChange) and items[-1].value == value:
            return items


async def lost(watch: TagWatch) -> MxGatewayError:
    """Give why the connection is lost, which the watch must say next."""
    item = await following(watch)
    assert isinstance(item, WatchLost), item
    return item.error


async def sent(gateway: SimulatedGateway, write: Coroutine[None, None, None], count: int = 1) -> asyncio.Task[None]:
    """Start a write, and wait until the gateway has accepted `count` writes in all."""
    writing = asyncio.create_task(write)
    await taken(gateway, count)
    return writing


async def taken(gateway: SimulatedGateway, count: int) -> None:
    """Wait until the gateway has accepted this many writes."""
    await gateway.wait_for(lambda: writes(gateway) == count and not gateway.sessions[0].pending_commands)
