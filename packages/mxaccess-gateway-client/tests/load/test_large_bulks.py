"""Bulk calls of ten thousand items: every result at its index, and nothing of them stays."""

from __future__ import annotations

import time
from typing import Final

import pytest

from mxgateway import DataChange, EventStream, GatewayClient, Session, WriteBulkEntry, WriteComplete
from support.footprint import Footprints, a_gateway, nothing_grew

ITEMS: Final = 10_000
PREFIX: Final = "Load.Tag"
TAGS: Final = [f"{PREFIX}{number}" for number in range(ITEMS)]


class Stopwatch:
    """Adds up how long each kind of call took."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.seconds: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Count the time since the last lap to this name."""
        now = time.monotonic()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._began
        self._began = now

    def __str__(self) -> str:
        return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in self.seconds.items())


async def a_round(session: Session, events: EventStream, server: int, first: int, watch: Stopwatch) -> None:
    """Add, advise, write, read and remove all items, each in one call, and check every result and every event."""
    added = await session.add_item_bulk(server, TAGS)
    watch.lap("add_item_bulk")
    items = [result.item_handle for result in added]
    assert [result.tag_address for result in added if result.was_successful] == TAGS
    assert len(set(items)) == ITEMS

    advised = await session.advise_item_bulk(server, items)
    watch.lap("advise_item_bulk")
    assert [result.item_handle for result in advised if result.was_successful] == items
    arrived = [(await anext(events)).item_handle for _ in range(ITEMS)]
    watch.lap("first values")
    assert arrived == items

    values = range(first, first + ITEMS)
    entries = [WriteBulkEntry(item_handle=item, value=value) for item, value in zip(items, values, strict=True)]
    written = await session.write_bulk(server, entries)
    watch.lap("write_bulk")
    assert [result.item_handle for result in written if result.was_successful] == items
    changed: dict[int, object] = {}
    completed: list[int] = []
    while len(changed) < ITEMS or len(completed) < ITEMS:
        match await anext(events):
            case DataChange(item_handle=item, value=value):
                changed[item] = value
            case WriteComplete(item_handle=item, succeeded=True):
                completed.append(item)
            case event:
                raise AssertionError(f"nobody expected {event}")
    watch.lap("outcomes and changes")
    assert changed == dict(zip(items, values, strict=True))
    assert completed == items

    readings = await session.read_bulk(server, TAGS)
    watch.lap("read_bulk")
    assert [(reading.tag_address, reading.value) for reading in readings] == list(zip(TAGS, values, strict=True))
    assert all(reading.was_cached for reading in readings)

    removed = await session.unsubscribe_bulk(server, items)
    watch.lap("unsubscribe_bulk")
    assert [result.item_handle for result in removed if result.was_successful] == items


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(1, id="short", marks=pytest.mark.timeout(180)),
        pytest.param(20, id="long", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
async def test_ten_thousand_items_in_each_call_come_back_in_their_order_and_leave_nothing(rounds: int) -> None:
    async with (
        # One call of ten thousand writes brings twenty thousand events: more than a gateway holds as it comes. Those it
        # keeps for a resume would differ in size from round to round.
        a_gateway(queued_events=2 * ITEMS, replay_events=1) as gateway,
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=60.0
        ) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await gateway.do("add_tags", prefix=PREFIX, count=ITEMS)
        server = await session.register("load")
        await a_round(session, events, server, 0, Stopwatch())
        warm = await Footprints.now(gateway)
        watch = Stopwatch()
        for number in range(1, rounds + 1):
            await a_round(session, events, server, number * ITEMS, watch)

        await nothing_grew(warm, gateway, f"{rounds} times {ITEMS} items: {watch}")
