"""Advise an item, and read and compare events."""

from __future__ import annotations

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    EventStream,
    MxEvent,
    Session,
)

TAG = "TestChildObject.TestInt"


async def advised(session: Session, tag: str = TAG) -> int:
    """Advise a tag and return its item handle."""
    server = await session.register("test")
    item = await session.add_item(server, tag)
    await session.advise(server, item)
    return item


async def take(stream: EventStream, count: int) -> list[MxEvent]:
    """Return the next events of a stream."""
    return [await anext(stream) for _ in range(count)]


def values(events: list[MxEvent]) -> list[object]:
    """Return the values of events."""
    return [event.value for event in events]


def numbered(*sequences: int) -> list[pb.MxEvent]:
    """Return data changes with these sequences."""
    return [pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, worker_sequence=sequence) for sequence in sequences]
