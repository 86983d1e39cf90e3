"""The colours of the explorer."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

__all__ = ["MONOCHROME", "THEME"]

THEME: Final = Theme(
    name="mxgateway",
    primary="#7fa7cf",
    secondary="#6f8fae",
    accent="#7fa7cf",
    warning="#d9a95f",
    error="#e0737c",
    success="#8db580",
    foreground="#d4dae2",
    background="#11151b",
    surface="#181e26",
    panel="#2a3340",
    dark=True,
)

MONOCHROME: Final = Theme(
    name="mxgateway-monochrome",
    primary="#c0c0c0",
    secondary="#a0a0a0",
    accent="#c0c0c0",
    warning="#d8d8d8",
    error="#ffffff",
    success="#d8d8d8",
    foreground="#d8d8d8",
    background="#101010",
    surface="#1c1c1c",
    panel="#3a3a3a",
    dark=True,
)
"""For NO_COLOR. The filter of textual for it fails on the empty lines of a plot that has no size yet."""
