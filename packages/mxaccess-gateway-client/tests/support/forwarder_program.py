"""Forward a tag to an MQTT broker until SIGTERM: a program that tests can kill.

The arguments are the address of the broker, the file of the spool, and the tag. The gateway's options are in the
environment. It prints a line once it forwards.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from mxgateway import ClientOptions, GatewayClient
from mxgateway.forwarding import Forwarder, MqttOptions, MqttSink, Spool


async def forward(broker: str, spool: str, tag: str) -> None:
    """Forward the tag."""
    sink = MqttSink(MqttOptions(servers=[broker], topic_prefix="plant", timeout=1))
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.tags("storm", reconnect_delay=0.02, longest_reconnect_delay=0.2) as tags,
        Forwarder(tags, sink, tag, spool=Spool(spool)) as forwarder,
    ):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, forwarder.stop)
        print("forwarding", flush=True)  # noqa: T201 - the test waits for it
        await forwarder.run(drain_seconds=0.2)


if __name__ == "__main__":
    asyncio.run(forward(*sys.argv[1:]))
