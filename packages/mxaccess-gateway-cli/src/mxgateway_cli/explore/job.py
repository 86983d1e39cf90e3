"""The job of `explore`."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from mxgateway_cli.explore.app import INTERRUPTED, ExploreApp
from mxgateway_cli.explore.models.clock import Clock
from mxgateway_cli.explore.plant import Plant

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from mxgateway import GatewayClient
    from mxgateway_cli.output.console import Output

__all__ = ["ExploreSettings", "explore_plant"]

_MAX_MESSAGES: Final = 20
_NO_COLOR: Final = "NO_COLOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreSettings:
    """How a plant is explored.

    Attributes:
        client_name: The name to register with MXAccess.
        supervisory: Whether to advise as a supervisory client.
        failover_after: Seconds after which another gateway is tried.
        user_id: The user who writes.
        operator: The user who acknowledges alarms.
    """

    client_name: str
    supervisory: bool
    failover_after: float
    user_id: int
    operator: str


async def explore_plant(client: GatewayClient, output: Output, tags: Sequence[str], settings: ExploreSettings) -> None:
    """Show a plant until the user quits.

    Raises:
        click.Abort: The user pressed Ctrl-C.
        asyncio.CancelledError: A signal cancelled the command.
        MxGatewayError: No session can be opened, or the watches have ended with this error.
    """
    clock = Clock(zone=output.zone)
    async with client.tags(
        settings.client_name, supervisory=settings.supervisory, failover_after=settings.failover_after
    ) as tag_client:
        with _messages_at_end(output):
            async with Plant(client, tag_client, clock, operator=settings.operator, user_id=settings.user_id) as plant:
                with _without_no_color():
                    app = ExploreApp(plant, tags, is_monochrome=output.console.no_color)
                result = await app.run_async()
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    # textual ends normally when SIGTERM cancels it.
                    raise asyncio.CancelledError
                unfinished = plant.writer.unfinished
        for tag in unfinished:
            output.diagnostics.warning(f"{tag} may have been written: its outcome was not waited for")
    if result == INTERRUPTED:
        raise click.Abort
    if plant.connection.failure is not None:
        raise plant.connection.failure


@contextlib.contextmanager
def _messages_at_end(output: Output) -> Generator[None]:
    """Collect messages, the log of the client included, and print the last ones when the screen has been left."""
    messages: deque[str] = deque(maxlen=_MAX_MESSAGES)
    try:
        with output.diagnostics.shown_by(messages.append):
            yield
    finally:
        for message in messages:
            output.diagnostics.detail(message)


@contextlib.contextmanager
def _without_no_color() -> Generator[None]:
    """Hide NO_COLOR from textual, which would use its own filter instead of the monochrome theme."""
    value = os.environ.pop(_NO_COLOR, None)
    try:
        yield
    finally:
        if value is not None:
            os.environ[_NO_COLOR] = value
