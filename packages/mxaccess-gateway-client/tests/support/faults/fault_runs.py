"""Sizes, seed and client options of the fault tests, and a check that a closed client leaves nothing behind.

Each run draws its own seed. To repeat a run, set FAULT_SEED in the environment. The full-length tests are marked
`long`: `hatch run faults` runs them.
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
"""The seed of this run: FAULT_SEED if it is set, else random. Each test prints it."""

_LEASE_SECONDS: Final = 1800.0
_TIMEOUT_SECONDS: Final = 10.0


def client_options(gateway: GatewayProcess, proxy: FaultProxy) -> ClientOptions:
    """Return options for a client that detects a silent connection within about 1.5 seconds."""
    return ClientOptions(
        endpoint=proxy.endpoint,
        api_key=gateway.api_key,
        plaintext=True,
        timeout=3.0,
        close_timeout=3.0,
        keepalive_time=1.0,
        keepalive_timeout=0.5,
    )


async def assert_nothing_left(gateway: GatewayProcess, proxy: FaultProxy, *, opens_without_reply: int) -> None:
    """Assert that a closed client has left no connection, no call and no session.

    If the reply to OpenSession was lost, the gateway may have opened a session that the client does not know. Up to
    `opens_without_reply` such sessions may remain until their lease expires.
    """
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        await proxy.wait_until(lambda: not proxy.connections)
    assert len((await gateway.status()).sessions) <= opens_without_reply
    await gateway.run("pass_time", seconds=_LEASE_SECONDS + 1)
    await gateway.run("wait_until_idle")
