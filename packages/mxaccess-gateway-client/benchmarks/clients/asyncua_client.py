"""asyncua, the OPC UA client in Python, against its own server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from clients.tag_access import TagAccess
from processes import Figures
from sampling import ItemCounter

_PUBLISHING_MS: Final = 10
# How many changes of each variable the server queues between two publications.
_QUEUE_SIZE: Final = 100
# With its defaults of 4 and 1 seconds asyncua mistakes a busy machine for a lost connection.
_TIMEOUT_SECONDS: Final = 30


async def changes(url: str, node_ids: Sequence[str], seconds: float) -> Figures:
    """Return the rate of data changes of all variables in one subscription."""
    counter = ItemCounter()

    class Handler:
        def datachange_notification(self, node: Node, val: Any, data: object) -> None:  # noqa: ARG002 - asyncua passes them by name
            counter.received += 1

    async with Client(url, timeout=_TIMEOUT_SECONDS, watchdog_intervall=_TIMEOUT_SECONDS) as client:
        queue_size = len(node_ids) * _QUEUE_SIZE
        subscription = await client.create_subscription(_PUBLISHING_MS, Handler(), queue_maxsize=queue_size)
        await subscription.subscribe_data_change(map(client.get_node, node_ids), queuesize=_QUEUE_SIZE)
        figures = await counter.measure((), seconds)
        await subscription.delete()
        return figures


async def calls(url: str, node_ids: Sequence[str], times: int) -> Figures:
    """Return the durations of reads and writes of variables."""
    async with Client(url, timeout=_TIMEOUT_SECONDS, watchdog_intervall=_TIMEOUT_SECONDS) as client:
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
