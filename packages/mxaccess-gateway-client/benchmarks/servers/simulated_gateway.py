"""A simulated gateway, as slow as a gateway in Python is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from plant import plant

from mxgateway.testing import CallRecord, SimulatedGateway

# Far from the 10 000 that a gateway holds for a subscriber.
_AHEAD: Final = 1000
_AT_ONCE: Final = 50


async def serve(tags: int = 1, *, changing: bool = False) -> None:
    """Serve until the input ends; for each line of input tell how many calls of which sort came since the last one.

    When it is `changing`, the tags change as fast as the events are taken.
    """
    async with SimulatedGateway(plant=plant(tags), ramp_interval=None) as gateway:
        print(json.dumps({"endpoint": gateway.endpoint, "api_key": gateway.api_key}), flush=True)
        changes = asyncio.create_task(_change(gateway)) if changing else None
        last: CallRecord | None = None
        while await asyncio.to_thread(sys.stdin.readline):
            calls = gateway.calls
            news = calls[calls.index(last) + 1 :] if last in calls else calls
            last = calls[-1] if calls else None
            print(json.dumps(Counter(map(_name, news))), flush=True)
        if changes is not None:
            changes.cancel()


def _name(call: CallRecord) -> str:
    if isinstance(call.request, pb.MxCommandRequest):
        return pb.MxCommandKind.Name(call.request.command.kind).removeprefix("MX_COMMAND_KIND_")
    return call.rpc


async def _change(gateway: SimulatedGateway) -> None:
    tags = tuple(gateway.plant)
    value = 0
    while True:
        if any(session.streams and session.waiting_events < _AHEAD for session in gateway.sessions):
            for tag in tags * (_AT_ONCE // len(tags) or 1):
                value += 1
                tag.set(value)
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(0.0005)
