"""Pictures of the explorer for the documentation: the same ones at each run, because the time is made up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cli_support.exploring import Explorer, exploring
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.explore.models.clock import Clock

SPEED, SINE, COUNT = "TestPump.Speed", "TestMachine_001.TestSine", "TestMachine_002.TestChangingInt"
TAGS = (
    *(SPEED, SINE, COUNT),
    *(f"TestChildObject.{name}" for name in ("TestInt", "TestString", "TestUncertain", "TestNotConnected")),
)
SIZE = (120, 40)
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
# As wide as the endpoint of a simulated gateway, whose port is another one each time.
ENDPOINT = "gateway.a1:5001"


class MadeUpTime:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """Return the time of day."""
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return seconds since the start."""
        return self.seconds


async def take_screenshots() -> Mapping[str, str]:
    """Return the pictures as SVG, by the names of their files."""
    time = MadeUpTime()
    async with SimulatedGateway(ramp_interval=None) as gateway:
        for tag in gateway.plant:
            tag.now = time.now
            tag.set(tag.value, quality=tag.quality)
        gateway.plant["TestChildObject.TestAlarmed"].clear_alarm()
        gateway.plant["TestChildObject.TestAlarmed"].raise_alarm()
        clock = Clock(now=time.now, monotonic=time.monotonic)
        async with exploring(gateway, *TAGS, size=SIZE, clock=clock) as explorer:
            pictures = await _take(gateway, explorer, time)
    return {name: _anonymous(picture, gateway.endpoint) for name, picture in pictures.items()}


async def _take(gateway: SimulatedGateway, explorer: Explorer, time: MadeUpTime) -> dict[str, str]:
    rows = explorer.plant.tags.by_name
    await explorer.wait(lambda: all(row.row.last is not None for row in rows.values()))
    changing = [rows[tag].history for tag in (SPEED, SINE, COUNT)]
    for _ in range(9):
        time.seconds += 5
        gateway.plant.step()
        await explorer.wait(lambda: all(history[-1][0] == time.seconds for history in changing))
    await explorer.press("g", "right")
    await explorer.wait_for("▸ TestArea2")
    await explorer.press("down", "right")
    await explorer.wait_for("▸ TestChildObject")
    await explorer.press("down", "right")
    await explorer.wait_for("TestBool Boolean")
    explorer.app.redraw()
    pictures = {"explore.svg": await _picture(explorer)}
    await explorer.press("t", "down", "down", "down", "w", "4", "3", "enter")
    await explorer.wait_for("Write this to")
    pictures["explore-write.svg"] = await _picture(explorer)
    await explorer.press("escape", "up", "up", "up")
    await gateway.stop()
    await explorer.wait_for("CONNECTION LOST", "(outdated)")
    time.seconds += 12
    await explorer.wait_for("12s ago", "stale 12s")
    pictures["explore-lost.svg"] = await _picture(explorer)
    return pictures


async def _picture(explorer: Explorer) -> str:
    explorer.app.redraw()
    await explorer.pilot.pause()
    return explorer.app.export_screenshot(title="mxgw-py explore")


def _anonymous(picture: str, endpoint: str) -> str:
    """Remove what differs at each run, and the fonts, which a browser would fetch from another site."""
    without_fonts = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return re.sub(r"terminal-\d+", "terminal-explore", without_fonts).replace(endpoint, ENDPOINT)
