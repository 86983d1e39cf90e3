"""Read tags by name, all in one round trip: python read_tags.py TestChildObject.TestInt TestChildObject.TestString.

Reads MXGATEWAY_ENDPOINT, MXGATEWAY_API_KEY and so on from the environment.
"""

import asyncio
import sys

from mxgateway import ClientOptions, GatewayClient


async def main(tags: list[str]) -> None:
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.tags("read-tags") as plant,
    ):
        for reading in await plant.read(*tags):
            if reading.error is not None:
                print(f"{reading.tag}: {reading.error.diagnostic_message}")
            else:
                print(f"{reading.tag} = {reading.value} ({reading.quality}, {reading.timestamp})")


asyncio.run(main(sys.argv[1:] or ["TestChildObject.TestInt", "TestChildObject.TestString"]))
