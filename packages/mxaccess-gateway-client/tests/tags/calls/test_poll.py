"""Polling tags: snapshots at regular times, and missed beats that are told."""

from __future__ import annotations

import asyncio
import itertools
import time
from datetime import UTC, datetime, timedelta

import pytest

from mxgateway import MxGatewayConfigurationError, MxGatewayTimeoutError, TagClient, TagSnapshot
from mxgateway.testing import SimulatedGateway
from support.tagging import INT, STRING, UNKNOWN, commands

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERY = timedelta(milliseconds=250)


async def test_snapshot_has_all_tags_at_one_beat_of_the_clock(gateway: SimulatedGateway, tags: TagClient) -> None:
    poll = tags.poll(INT, STRING, UNKNOWN, every=0.25)
    snapshots: list[TagSnapshot] = []
    for value in range(4):
        gateway.plant[INT].set(value)
        snapshots.append(await anext(poll))

    assert [snapshot[INT].value for snapshot in snapshots] == [0, 1, 2, 3]
    assert [[reading.tag for reading in snapshot] for snapshot in snapshots] == [[INT, STRING, UNKNOWN]] * 4
    assert all(snapshot[UNKNOWN].error is not None for snapshot in snapshots)
    for earlier, later in itertools.pairwise(snapshots):
        assert later.time - earlier.time == (1 + later.missed) * EVERY
    assert (snapshots[0].time - EPOCH) % EVERY == timedelta(0)
    assert commands(gateway)["READ_BULK"] == 4


async def test_beats_do_not_drift(tags: TagClient) -> None:
    poll = tags.poll(INT, every=0.05)
    first = last = await anext(poll)
    missed = 0
    for _ in range(10):
        last = await anext(poll)
        missed += last.missed
        await asyncio.sleep(0.02)

    # Ten beats later, although each round takes 20 ms more.
    assert last.time - first.time == (10 + missed) * timedelta(seconds=0.05)


async def test_slow_caller_is_told_how_many_beats_it_missed(tags: TagClient) -> None:
    poll = tags.poll(INT, every=0.1)
    first = await anext(poll)
    time.sleep(0.35)  # noqa: ASYNC251 - an application that blocks the event loop
    second = await anext(poll)

    assert second.missed >= 2
    assert second.time - first.time == (second.missed + 1) * timedelta(seconds=0.1)


async def test_beat_without_a_reply_is_told_and_the_poll_continues(gateway: SimulatedGateway, tags: TagClient) -> None:
    poll = tags.poll(INT, every=0.1)
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        missed = await anext(poll)
    while (following := await anext(poll)).error is not None:
        pass

    assert isinstance(missed.error, MxGatewayTimeoutError)
    assert (len(missed), missed.readings) == (0, ())
    with pytest.raises(KeyError, match=INT):
        _ = missed[INT]
    assert following[INT].value == 42


async def test_cancelled_wait_does_not_end_the_poll(tags: TagClient) -> None:
    poll = tags.poll([INT], every=0.1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.25):
            async for _ in poll:
                pass

    assert (await anext(poll))[INT].value == 42
    assert repr(poll) == "<TagPoll of 1 tags every 0.1 s>"
    assert (poll.tags, poll.every) == ((INT,), 0.1)


@pytest.mark.parametrize("every", [0, -1, 0.001, float("nan")])
async def test_invalid_period_is_refused(tags: TagClient, every: float) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="every"):
        tags.poll(INT, every=every)


async def test_poll_needs_a_tag(tags: TagClient) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="at least one tag"):
        tags.poll()
    with pytest.raises(MxGatewayConfigurationError, match="at least one tag"):
        tags.poll([])
    with pytest.raises(MxGatewayConfigurationError, match="invalid tag name"):
        tags.poll(INT, "")
