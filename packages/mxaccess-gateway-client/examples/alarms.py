"""Show the active alarms, then their changes, until Ctrl-C or for a number of changes.

python alarms.py [changes [alarm]]. The alarm, `Provider!Group.Tag`, is acknowledged, and its change is shown.
"""

import asyncio
import sys

from mxgateway import (
    ActiveAlarm,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    AlarmTransition,
    ClientOptions,
    GatewayClient,
    MxAccessError,
)


async def main(changes: int, to_acknowledge: str) -> None:
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.stream_alarms() as feed,
    ):
        seen = 0
        async for item in feed:
            match item:
                case ActiveAlarm(alarm_full_reference=reference, current_state=state, severity=severity):
                    print(f"{reference} is {state.name}, severity {severity}: {item.description}")
                case AlarmSnapshotComplete():
                    print("end of the active alarms, changes follow")
                    if to_acknowledge:
                        await acknowledge(client, to_acknowledge)
                case AlarmTransition(alarm_full_reference=reference, transition_kind=kind, transition_timestamp=when):
                    print(f"{when}  {reference}: {kind.name} {item.operator_user} {item.operator_comment}".rstrip())
                    seen += 1
                case AlarmProviderStatus(degraded=True, reason=reason):
                    print(f"the alarm provider is degraded: {reason}")
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
