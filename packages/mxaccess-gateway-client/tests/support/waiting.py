"""Wait for conditions on the client's side. For the gateway's side use `SimulatedGateway.wait_for`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until `condition()` is true, for up to these seconds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is nothing to await
            await asyncio.sleep(0.001)
