"""Consumption of a stream with a limit of items and a time limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

__all__ = ["consume"]

ItemT = TypeVar("ItemT")


async def consume(
    stream: AsyncIterable[ItemT], handle: Callable[[ItemT], None], *, limit: int | None, seconds: float | None
) -> None:
    """Handle the items of a stream until the limit is reached or the time has passed. None means unlimited.

    Raises:
        MxGatewayError: The stream was lost.
    """
    # Reaching the deadline is the requested end. A TimeoutError of the client is an error.
    deadline = asyncio.timeout(seconds)
    count = 0
    try:
        async with deadline:
            async for item in stream:
                handle(item)
                count += 1
                if count == limit:
                    return
    except TimeoutError:
        if not deadline.expired():
            raise
