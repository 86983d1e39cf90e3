"""Bulk calls of thousands of items return every result at its index and leave nothing behind."""

from __future__ import annotations

import time
from typing import Final

import pytest

from mxgateway import DataChange, EventStream, GatewayClient, Session, WriteBulkEntry, WriteComplete
from support.footprint import Footprints, assert_no_growth, gateway_with_short_history

PREFIX: Final = "Load.Tag"


class Stopwatch:
    """Adds up the time that each kind of call takes."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.seconds: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Add the time since the last lap to this name."""
        now = time.monotonic()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._began
        self._began = now

    def __str__(self) -> str:
        return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.seconds.items())


async def use_all_items(
    session: Session, events: EventStream, server: int, count: int, first_value: int, stopwatch: Stopwatch
) -> None:
    """Add, advise, write, read and remove items, each in one call, and check every result and every event."""
    tags = [f"{PREFIX}{number}" for number in range(count)]
    added = await session.add_item_bulk(server, tags)
    stopwatch.lap("add_item_bulk")
    items = [result.item_handle for result in added]
    assert [result.tag_address for result in added if result.was_successful] == tags
    assert len(set(items)) == count

    advised = await session.advise_item_bulk(server, items)
    stopwatch.lap("advise_item_bulk")
    assert [result.item_handle for result in advised if result.was_successful] == items
    arrived = [(await anext(events)).item_handle for _ in range(count)]
    stopwatch.lap("first values")
    assert arrived == items

    values = range(first_value, first_value + count)
    entries = [WriteBulkEntry(item_handle=item, value=value) for item, value in zip(items, values, strict=True)]
    written = await session.write_bulk(server, entries)
    stopwatch.lap("write_bulk")
    assert [result.item_handle for result in written if result.was_successful] == items
    changed: dict[int, object] = {}
    completed: list[int] = []
    while len(changed) < count or len(completed) < count:
        match await anext(events):
            case DataChange(item_handle=item, value=value):
                changed[item] = value
            case WriteComplete(item_handle=item, succeeded=True):
                completed.append(item)
            case event:
                raise AssertionError(f"unexpected event: {event}")
    stopwatch.lap("outcomes and changes")
    assert changed == dict(zip(items, values, strict=True))
    assert completed == items

    readings = await session.read_bulk(server, tags)
    stopwatch.lap("read_bulk")
    assert [(reading.tag_address, reading.value) for reading in readings] == list(zip(tags, values, strict=True))
    assert all(reading.was_cached for reading in readings)

    removed = await session.unsubscribe_bulk(server, items)
    stopwatch.lap("unsubscribe_bulk")
    assert [result.item_handle for result in removed if result.was_successful] == items


@pytest.mark.parametrize(
    ("count", "rounds"),
    [
        pytest.param(2_000, 1, id="short"),
        pytest.param(10_000, 20, id="long", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
async def test_large_bulk_calls_keep_order_and_leave_nothing(count: int, rounds: int) -> None:
    async with (
        # A call of 10,000 writes causes 20,000 events, more than a gateway queues by default. None are retained for a
        # resume, because their size would differ from round to round.
        gateway_with_short_history(queued_events=2 * count, replay_events=1) as gateway,
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=60.0
        ) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await gateway.run("add_tags", prefix=PREFIX, count=count)
        server = await session.register("load")
        await use_all_items(session, events, server, count, 0, Stopwatch())
        warm = await Footprints.measure(gateway)
        stopwatch = Stopwatch()
        for number in range(1, rounds + 1):
            await use_all_items(session, events, server, count, number * count, stopwatch)

        await assert_no_growth(warm, gateway, f"{rounds} times {count} items: {stopwatch}")
