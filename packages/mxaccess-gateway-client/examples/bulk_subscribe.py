"""Advise a thousand tags in one round trip and wait for the first value of each, with the commands of a session.

python bulk_subscribe.py [number]
"""

import asyncio
import sys
import time

from mxgateway import ClientOptions, DataChange, GatewayClient


async def main(number: int) -> None:
    tags = [f"TestMachine_{1 + index % 6:03d}.TestChangingInt" for index in range(number)]
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.open_session(client_session_name="bulk-subscribe") as session,
        session.stream_events() as events,
    ):
        server = await session.register("bulk-subscribe")
        began = time.perf_counter()
        results = await session.subscribe_bulk(server, tags)
        print(f"{len(results)} tags in {time.perf_counter() - began:.3f} s")
        for result in results:
            if not result.was_successful:
                print(f"{result.tag_address}: {result.error_message}")

        missing = {result.item_handle for result in results if result.was_successful}
        async for event in events:
            if isinstance(event, DataChange):
                missing.discard(event.item_handle)
            if not missing:
                break
        print(f"first values of all tags after {time.perf_counter() - began:.3f} s")
        await session.unsubscribe_bulk(server, [result.item_handle for result in results if result.was_successful])


asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 1000))
