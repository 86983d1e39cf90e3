"""Forward tags to a broker until SIGTERM: a program that tests can kill.

The arguments are the address of the broker, the file of the spool or "" for memory, its limit in bytes, the records in
a message, and the tags. The gateway's options are in the environment. It prints a line once it forwards. After SIGTERM
it leaves its session to the next start.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from mxgateway import ClientOptions, GatewayClient
from mxgateway.forwarding import Forwarder, JetStreamOptions, JetStreamSink, MqttOptions, MqttSink, Spool
from mxgateway.recording import Sink


def sink_of(broker: str, batch: int) -> Sink:
    """Return the sink of an address."""
    if broker.startswith("nats://"):
        options = JetStreamOptions(
            servers=[broker], stream="PLANT", subject_prefix="plant", timeout=1, records_per_message=batch
        )
        return JetStreamSink(options)
    return MqttSink(MqttOptions(servers=[broker], topic_prefix="plant", timeout=1))


async def forward(broker: str, file: str, limit: str, batch: str, *tags: str) -> None:
    """Forward the tags."""
    spool = Spool(file or None, max_bytes=int(limit))
    async with (
        GatewayClient.connect(ClientOptions.from_env()) as client,
        client.tags("storm", reconnect_delay=0.02, longest_reconnect_delay=0.2) as tag_client,
        Forwarder(tag_client, sink_of(broker, int(batch)), *tags, spool=spool, keep_session=True) as forwarder,
    ):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, forwarder.stop)
        print("forwarding", flush=True)  # noqa: T201 - the test waits for it
        await forwarder.run(drain_seconds=0.2)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(forward(*sys.argv[1:]))
