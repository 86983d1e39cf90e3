"""The simulated gateway, which is as slow as a gateway in Python is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from servers.plant import plant

from mxgateway.testing import CallRecord, SimulatedGateway

# Far below the 10,000 events that a gateway queues per subscriber.
_MAX_QUEUED_EVENTS: Final = 1000
_CHANGES_PER_ITERATION: Final = 50


async def serve(tags: int = 1, *, changing: bool = False) -> None:
    """Serve until the input ends. For each line of input, print how many calls of each kind came since the last line.

    If `changing` is set, the tags change as fast as the events are read.
    """
    async with SimulatedGateway(plant=plant(tags), ramp_interval=None) as gateway:
        print(json.dumps({"endpoint": gateway.endpoint, "api_key": gateway.api_key}), flush=True)
        changes = asyncio.create_task(_change_tags(gateway)) if changing else None
        last: CallRecord | None = None
        while await asyncio.to_thread(sys.stdin.readline):
            calls = gateway.calls
            new_calls = calls[calls.index(last) + 1 :] if last in calls else calls
            last = calls[-1] if calls else None
            print(json.dumps(Counter(map(_call_name, new_calls))), flush=True)
        if changes is not None:
            changes.cancel()


def _call_name(call: CallRecord) -> str:
    if isinstance(call.request, pb.MxCommandRequest):
        return pb.MxCommandKind.Name(call.request.command.kind).removeprefix("MX_COMMAND_KIND_")
    return call.rpc


async def _change_tags(gateway: SimulatedGateway) -> None:
    tags = tuple(gateway.plant)
    value = 0
    while True:
        if any(session.streams and session.waiting_events < _MAX_QUEUED_EVENTS for session in gateway.sessions):
            for tag in tags * (_CHANGES_PER_ITERATION // len(tags) or 1):
                value += 1
                tag.set(value)
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(0.0005)
