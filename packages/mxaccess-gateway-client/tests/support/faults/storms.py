"""How long a storm lasts, which seed it is made from, and that it leaves nothing behind.

Each run draws a seed of its own; FAULT_SEED in the environment gives one. The storms are marked `long`:
`hatch run faults` runs them.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import Final

from mxgateway import ClientOptions
from support.faults.fault_proxy import FaultProxy
from support.faults.gateway_process import GatewayProcess

FAULTS: Final = 210
EVENTS: Final = 50_000
ALL_EVENTS: Final = 205_000

SEED: Final = int(os.environ.get("FAULT_SEED") or secrets.randbelow(2**31))
"""The seed of this run: another one each time, or that of the environment. It stands in the name of each test."""

_LEASE: Final = 1800.0
_PATIENCE: Final = 10.0


def options(gateway: GatewayProcess, proxy: FaultProxy) -> ClientOptions:
    """Give options of a client that soon notices when nothing comes any more."""
    return ClientOptions(
        endpoint=proxy.endpoint,
        api_key=gateway.api_key,
        plaintext=True,
        timeout=3.0,
        close_timeout=3.0,
        keepalive_time=1.0,
        keepalive_timeout=0.5,
    )


async def nothing_is_left(gateway: GatewayProcess, proxy: FaultProxy, *, without_reply: int) -> None:
    """Make sure that a client that was closed has left no connection, no call and no session.

    A session whose opening was never answered may have been opened: nobody knows of it, and it ends with its lease.
    """
    async with asyncio.timeout(_PATIENCE):
        await proxy.wait_until(lambda: not proxy.connections)
    assert len((await gateway.status()).sessions) <= without_reply
    await gateway.do("pass_time", seconds=_LEASE + 1)
    await gateway.do("wait_until_idle")
