"""Show the active alarms, then their changes, until Ctrl-C or for a number of changes.

python alarms.py [changes [alarm]]. The alarm, `Provider!Group.Tag`, is acknowledged, and its change is shown.
"""

import asyncio
import sys

from mxgateway import (
    AlarmChange,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    ClientOptions,
    GatewayClient,
    MxAccessError,
    WatchGap,
    WatchLost,
    WatchRestored,
)


async def main(changes: int, to_acknowledge: str) -> None:
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.watch_alarms() as watch,
    ):
        if to_acknowledge:
            await acknowledge(client, to_acknowledge)
        seen = 0
        async for item in watch:
            match item:
                case AlarmChange(kind=kind, alarm=alarm, from_snapshot=from_snapshot):
                    operator = f"{alarm.operator_user} {alarm.operator_comment}".strip()
                    details = ", ".join(filter(None, (f"severity {alarm.severity}", alarm.description, operator)))
                    when = alarm.transition_timestamp or "meanwhile"
                    print(f"{when}  {kind.value} {alarm.alarm_full_reference}, {details}")
                    seen += not from_snapshot
                case AlarmSnapshotComplete():
                    print(f"{len(watch.active)} active alarms, changes follow")
                case AlarmProviderStatus(degraded=True, reason=reason):
                    print(f"the alarm provider is degraded: {reason}")
                case WatchLost(error=error):
                    print(f"alarm feed lost, the active alarms may be outdated: {error}")
                case WatchRestored():
                    print("alarm feed restored, what changed in the meantime follows")
                case WatchGap(dropped=dropped):
                    print(f"{dropped} changes were dropped, {len(watch.active)} alarms are active now")
                case _:
                    pass
            if changes and seen == changes:
                break


async def acknowledge(client: GatewayClient, alarm: str) -> None:
    try:
        await client.acknowledge_alarm(alarm, "seen by an example", "python-client")
    except MxAccessError as error:
        print(f"cannot acknowledge {alarm}: {error.diagnostic_message}")


asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 0, sys.argv[2] if sys.argv[2:] else ""))
