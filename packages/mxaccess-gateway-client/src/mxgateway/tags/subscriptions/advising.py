"""Advise items, as a plain or as a supervisory client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mxgateway.errors import MxGatewayCommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway.session import Session

__all__ = ["advise_items"]

# The gateway queues 128 commands per session; the rest is left to the reads and writes of the application.
_CONCURRENT_COMMANDS: Final = 32


async def advise_items(
    session: Session, server_handle: int, handles: Sequence[int], *, supervisory: bool
) -> Mapping[int, str]:
    """Advise items and return the reason of each refusal by item handle."""
    if supervisory:
        return await _advise_supervisory(session, server_handle, handles)
    results = await session.advise_item_bulk(server_handle, handles)
    return {
        handle: result.error_message
        for handle, result in zip(handles, results, strict=True)
        if not result.was_successful
    }


async def _advise_supervisory(session: Session, server_handle: int, handles: Sequence[int]) -> Mapping[int, str]:
    """Advise one by one: there is no bulk command for supervisory advises."""
    slots = asyncio.Semaphore(_CONCURRENT_COMMANDS)

    async def advise(handle: int) -> str | None:
        async with slots:
            try:
                await session.advise_supervisory(server_handle, handle)
            except MxGatewayCommandError as error:
                return str(error)
        return None

    outcomes = await asyncio.gather(*map(advise, handles), return_exceptions=True)
    refusals: dict[int, str] = {}
    for handle, outcome in zip(handles, outcomes, strict=True):
        # Only now that all have ended: no call may continue in a session that is given up for the failure of another.
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is not None:
            refusals[handle] = outcome
    return refusals
