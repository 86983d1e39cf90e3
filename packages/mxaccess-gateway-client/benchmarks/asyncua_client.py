"""What asyncua, the OPC UA client in Python, does with the variables of its own server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from processes import Figures
from streams import Tally
from tag_access import TagAccess

# The publishing interval in milliseconds, and how many changes of a variable may wait for it.
_PERIOD: Final = 10
_WAITING: Final = 100
# Seconds: with its own 4 and 1 it takes a busy machine for a lost connection.
_PATIENCE: Final = 30


async def changes(url: str, node_ids: Sequence[str], seconds: float) -> Figures:
    """The data changes of all variables of a server, in one subscription."""
    tally = Tally()

    class Handler:
        def datachange_notification(self, node: Node, val: Any, data: object) -> None:  # noqa: ARG002 - its names
            tally.taken += 1

    async with Client(url, timeout=_PATIENCE, watchdog_intervall=_PATIENCE) as client:
        subscription = await client.create_subscription(_PERIOD, Handler(), queue_maxsize=len(node_ids) * _WAITING)
        await subscription.subscribe_data_change(map(client.get_node, node_ids), queuesize=_WAITING)
        figures = await tally.rate((), seconds)
        await subscription.delete()
        return figures


async def calls(url: str, node_ids: Sequence[str], times: int) -> Figures:
    """Reads and writes of a server's variables."""
    async with Client(url, timeout=_PATIENCE, watchdog_intervall=_PATIENCE) as client:
        nodes = [client.get_node(node_id) for node_id in node_ids]

        def read(number: int) -> Awaitable[object]:
            return nodes[number].read_value()

        def value(read: object) -> object:
            return read

        def write(number: int, value: int) -> Awaitable[None]:
            return nodes[number].write_value(value, ua.VariantType.Int64)

        async def read_all() -> Sequence[object]:
            return await client.read_values(nodes)

        async def write_all(value: int) -> None:
            await asyncio.gather(*(write(number, value) for number in range(len(nodes))))

        # In OPC UA the server's acceptance is all that a client learns of a write.
        access = TagAccess(
            tags=len(nodes),
            read=read,
            value=value,
            write=write,
            hand_over=write,
            read_all=read_all,
            write_all=write_all,
        )
        return await access.durations(times)
