"""A short session with a gateway, which advises one item and writes only on request."""

from __future__ import annotations

import asyncio
import os

import pytest

from mxgateway import DataChange, EventStream, Session, WriteComplete

SECONDS_TO_ANSWER = 20


async def next_data_change(stream: EventStream, item: int) -> DataChange:
    """Wait for the item's next data change."""
    async with asyncio.timeout(SECONDS_TO_ANSWER):
        async for event in stream:
            if isinstance(event, DataChange) and event.item_handle == item:
                return event
    raise AssertionError("the stream ended before a data change arrived")


async def write_outcome(stream: EventStream, item: int) -> WriteComplete:
    """Wait for the outcome of the item's write."""
    async with asyncio.timeout(SECONDS_TO_ANSWER):
        async for event in stream:
            if isinstance(event, WriteComplete) and event.item_handle == item:
                return event
    raise AssertionError("the stream ended before the outcome of the write arrived")


async def test_advised_item_delivers_its_value_and_can_be_removed(session: Session, item_definition: str) -> None:
    server = await session.register("integration-tests")
    item = await session.add_item(server, item_definition)
    await session.advise(server, item)
    async with session.stream_events() as stream:
        change = await next_data_change(stream, item)

    await session.un_advise(server, item)
    await session.remove_item(server, item)
    await session.unregister(server)

    assert change.session_id == session.session_id
    assert change.server_handle == server
    assert change.sequence > 0
    assert change.timestamp is not None
    assert change.timestamp.tzinfo is not None


async def test_writing_the_present_value_succeeds(session: Session, item_definition: str) -> None:
    if os.environ.get("MXGATEWAY_WRITE") != "1":
        pytest.skip("writes the present value of the item: set MXGATEWAY_WRITE=1 if that is harmless")
    server = await session.register("integration-tests")
    item = await session.add_item(server, item_definition)
    await session.advise(server, item)
    async with session.stream_events() as stream:
        change = await next_data_change(stream, item)
        while not change.quality.is_good:  # the first quality may be bad or uncertain
            change = await next_data_change(stream, item)
        await session.write(server, item, change.raw.value)
        outcome = await write_outcome(stream, item)

    assert outcome.succeeded, outcome
