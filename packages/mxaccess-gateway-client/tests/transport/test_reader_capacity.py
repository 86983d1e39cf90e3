"""A slow consumer of events holds the gateway back instead of filling the memory of the client."""

from __future__ import annotations

import asyncio

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import Session
from support.scripted_gateway import ScriptedGateway
from support.waiting import until

# The documented number of waiting events, and the most that the thread reads beyond it before it checks.
CAPACITY, ROW = 4096, 64


@pytest.mark.parametrize("fast", [True, False], ids=["thread", "grpc.aio"])
async def test_a_stream_holds_about_four_thousand_small_events(
    scripted: ScriptedGateway, scripted_session: Session, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    if not fast:
        monkeypatch.delattr("grpc.experimental.ChannelOptions.SingleThreadedUnaryStream")
    scripted.events = [
        pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, worker_sequence=number) for number in range(1, 10_001)
    ]

    async with scripted_session.stream_events() as stream:
        await until(lambda: stream.pending >= CAPACITY)
        # More must not arrive; a reader that does not stop reads thousands of events in this time.
        await asyncio.sleep(0.2)
        assert CAPACITY <= stream.pending <= CAPACITY + ROW

        assert [(await anext(stream)).sequence for _ in range(10_000)] == list(range(1, 10_001))
