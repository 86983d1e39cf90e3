"""Explorer: the explorer without a terminal, with keys to press and a screen to read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot

from mxgateway import GatewayClient
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.explore.app import ExploreApp
from mxgateway_cli.explore.models.clock import Clock
from mxgateway_cli.explore.plant import Plant

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer:
    """A running explorer."""

    app: ExploreApp
    pilot: Pilot[Any]
    plant: Plant

    @property
    def lines(self) -> list[str]:
        """The lines of the screen."""
        # Only a picture of the screen is public, which takes too long to make for each look.
        strips = self.app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]
        return [strip.text.rstrip() for strip in strips]

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> None:
        """Press keys, or type the characters of texts."""
        for key in keys:
            await self.pilot.press(key)

    async def type(self, text: str) -> None:
        """Type a text."""
        await self.pilot.press(*text)

    async def wait_for(self, *texts: str, without: str = "") -> None:
        """Wait until all these texts are on the screen, and another one is not."""

        def is_shown() -> bool:
            screen = self.text
            return all(text in screen for text in texts) and (not without or without not in screen)

        await self.wait(is_shown)

    async def wait(self, condition: Callable[[], object]) -> None:
        """Wait for a condition."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(self.text)
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def exploring(
    gateway: SimulatedGateway,
    *tags: str,
    size: tuple[int, int] = (80, 24),
    api_key: str = "",
    clock: Clock | None = None,
    is_monochrome: bool = False,
) -> AsyncGenerator[Explorer]:
    """Explore the plant of a gateway during the block."""
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=api_key or gateway.api_key, plaintext=True) as client,
        client.tags("explorer", reconnect_delay=0.02, longest_reconnect_delay=0.05) as tag_client,
        Plant(client, tag_client, clock or Clock(), operator="tester") as plant,
    ):
        app = ExploreApp(plant, tags, is_monochrome=is_monochrome)
        async with app.run_test(size=size) as pilot:
            yield Explorer(app=app, pilot=pilot, plant=plant)
