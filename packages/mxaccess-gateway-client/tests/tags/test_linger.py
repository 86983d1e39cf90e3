"""A tag stays advised for the linger time after its own last use, whatever other tags do."""

from __future__ import annotations

import asyncio

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import GatewayClient
from mxgateway.testing import SimulatedGateway
from support.tagging import INT, STRING, advised, commands, first_values, following_change


def removals(gateway: SimulatedGateway) -> list[list[int]]:
    """Return the item handles of each UnsubscribeBulk command."""
    requests = [call.request for call in gateway.calls if isinstance(call.request, pb.MxCommandRequest)]
    sent = [request.command for request in requests if request.command.WhichOneof("payload") == "unsubscribe_bulk"]
    return [list(command.unsubscribe_bulk.item_handles) for command in sent]


async def test_a_tag_unused_for_less_than_the_linger_time_stays_advised(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    linger = 0.6
    async with client.tags("test", linger=linger) as tags:
        first, second = tags.watch(INT), tags.watch(STRING)
        await first_values(first)
        await first_values(second)
        handles = {item.definition: item.item_handle for item in gateway.sessions[0].items}
        first.close()
        await asyncio.sleep(0.8 * linger)
        second.close()

        await gateway.wait_for(lambda: removals(gateway))
        assert removals(gateway) == [[handles[INT]]]
        await gateway.wait_for(lambda: not gateway.sessions[0].items)

    assert removals(gateway) == [[handles[INT]], [handles[STRING]]]


async def test_a_used_tag_is_not_removed_with_the_unused_ones(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", linger=0.02) as tags, tags.watch(STRING) as watch:
        await following_change(watch)
        await tags.write(INT, 7)
        await gateway.wait_for(lambda: advised(gateway) == [STRING])
        gateway.plant[STRING].set("still watched")

        assert (await following_change(watch)).value == "still watched"
    assert commands(gateway)["UNSUBSCRIBE_BULK"] == 1
