"""The client under test: event streams and a TagClient, opened as its documentation shows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from mxgateway import EventStream, GatewayClient, TagClient


@asynccontextmanager
async def our_events(endpoint: str, api_key: str, number: int = 1) -> AsyncGenerator[list[EventStream]]:
    """Open `number` sessions, and yield an event stream of each."""
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client,
        AsyncExitStack() as stack,
    ):
        sessions = [await stack.enter_async_context(client.open_session()) for _ in range(number)]
        yield [await stack.enter_async_context(session.stream_events()) for session in sessions]


@asynccontextmanager
async def tag_client(endpoint: str, api_key: str) -> AsyncGenerator[TagClient]:
    """Connect, and yield a TagClient."""
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client,
        client.tags("benchmark") as tags,
    ):
        yield tags
