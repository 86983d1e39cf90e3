"""Helpers for tests of the alarm watch: its items, and alarms of the simulated plant."""

from __future__ import annotations

import asyncio

from mxgateway import (
    AlarmChange,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    AlarmWatch,
    AlarmWatchItem,
    MxGatewayError,
    WatchLost,
)
from support.tagging import REPLACED

HOT_TAG = "TestChildObject.TestAlarmed"
HOT = f"SimulatedGalaxy!TestArea.{HOT_TAG}"
LOW_TAG = "TestChildObject.TestLowAlarm"
LOW = f"SimulatedGalaxy!TestArea.{LOW_TAG}"
STOPPED_TAG = "TestMachine_001.TestAlarm"
STOPPED = f"SimulatedGalaxy!TestArea2.{STOPPED_TAG}"
OTHER_TAG = "TestMachine_002.TestAlarm"

COMPLETE = AlarmSnapshotComplete()
RESTORED = REPLACED
"""Equal to every WatchRestored of a feed: none is resumed."""


async def following(watch: AlarmWatch) -> AlarmWatchItem:
    """Return the next item of a watch."""
    async with asyncio.timeout(10):
        return await anext(watch)


async def following_change(watch: AlarmWatch) -> AlarmChange:
    """Return the next item of a watch, which must be a change."""
    item = await following(watch)
    assert isinstance(item, AlarmChange), item
    return item


async def lost(watch: AlarmWatch) -> MxGatewayError:
    """Return the error of the next item of a watch, which must be a WatchLost."""
    item = await following(watch)
    assert isinstance(item, WatchLost), item
    return item.error


async def until_complete(watch: AlarmWatch) -> list[AlarmChange]:
    """Return the changes of a snapshot, up to the item that completes it."""
    changes: list[AlarmChange] = []
    while (item := await following(watch)) != COMPLETE:
        assert isinstance(item, AlarmChange), item
        changes.append(item)
    return changes


async def begun(watch: AlarmWatch) -> list[AlarmChange]:
    """Return the changes at the start of a watch, and skip the status of the provider that follows them."""
    changes = await until_complete(watch)
    assert isinstance(await following(watch), AlarmProviderStatus)
    return changes
