"""Watch tags until Ctrl-C or for a number of changes, and show what happens to the connection.

python watch_tags.py 10 TestMachine_001.TestChangingInt TestMachine_002.TestChangingInt
"""

import asyncio
import sys

from mxgateway import ClientOptions, GatewayClient, TagChange, TagRefused, WatchGap, WatchLost, WatchRestored


async def main(changes: int, tags: list[str]) -> None:
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.tags("watch-tags") as plant,
        plant.watch(*tags) as watch,
    ):
        seen = 0
        async for item in watch:
            match item:
                case TagChange(tag=tag, value=value, quality=quality, timestamp=when):
                    print(f"{when}  {tag} = {value} ({quality})")
                    seen += 1
                case TagRefused(tag=tag, error_message=reason):
                    print(f"cannot watch {tag}: {reason}")
                case WatchLost(error=error):
                    print(f"connection lost, values are stale: {error}")
                case WatchRestored(resumed=resumed):
                    print("resumed, no change was missed" if resumed else "continued in a new session")
                case WatchGap(dropped=dropped):
                    print(f"changes are missing ({dropped or 'unknown number'})")
            if seen == changes:
                break


asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 0, sys.argv[2:] or ["TestMachine_001.TestChangingInt"]))
