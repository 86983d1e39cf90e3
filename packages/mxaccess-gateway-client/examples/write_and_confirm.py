"""Write a tag and wait for the outcome: python write_and_confirm.py TestChildObject.TestInt 123.

MXAccess may refuse a write after the gateway has accepted it: `write` waits for the outcome, and never repeats a write.
"""

import asyncio
import sys

from mxgateway import ClientOptions, GatewayClient, MxAccessError, MxGatewayTimeoutError


async def main(tag: str, value: int) -> int:
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.tags("write-and-confirm") as plant,
    ):
        try:
            await plant.write(tag, value, timeout=10)
        except MxAccessError as error:
            print(f"refused: {', '.join(map(str, error.statuses)) or error}")
            return 1
        except MxGatewayTimeoutError as error:
            print(f"outcome unknown: {error}")
            return 2
        (reading,) = await plant.read(tag)
        print(f"{tag} = {reading.value}")
        return 0


sys.exit(asyncio.run(main(*((sys.argv[1], int(sys.argv[2])) if sys.argv[2:] else ("TestChildObject.TestInt", 123)))))
