"""Acknowledgements: acknowledges alarms in the background while the table is shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mxgateway import MxGatewayError
from mxgateway_cli.failures.gateway import describe_gateway_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway import GatewayClient

__all__ = ["Acknowledgements"]


class Acknowledgements:
    """Acknowledges alarms in tasks, each of which reports its result.

    Args:
        client: The client.
        operator: The user who acknowledges.
    """

    def __init__(self, client: GatewayClient, operator: str) -> None:
        self._client = client
        self._operator = operator
        self._running: set[asyncio.Task[None]] = set()

    def start(self, reference: str, comment: str, note: Callable[[str], None]) -> None:
        """Acknowledge an alarm without waiting for the result, which `note` is called with."""
        task = asyncio.create_task(self._acknowledge(reference, comment, note), name="mxgw-py acknowledge alarm")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Stop waiting for results."""
        for task in tuple(self._running):
            task.cancel()
            await asyncio.wait([task])

    async def _acknowledge(self, reference: str, comment: str, note: Callable[[str], None]) -> None:
        try:
            await self._client.acknowledge_alarm(reference, comment, self._operator)
        except MxGatewayError as error:
            failure = describe_gateway_error(error)
            reason = failure.message if failure is not None else str(error)
            note(f"cannot acknowledge {reference}: {' '.join(reason.split())}")
        except asyncio.CancelledError:
            note(f"no answer yet: {reference} may have been acknowledged")
            raise
        else:
            note(f"acknowledged {reference}")
