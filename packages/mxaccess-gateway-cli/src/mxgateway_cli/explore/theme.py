"""The colours of the explorer."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

__all__ = ["FOREGROUND", "PRIMARY", "SUCCESS", "THEME"]

PRIMARY: Final = "#7fa7cf"
SUCCESS: Final = "#8db580"
FOREGROUND: Final = "#d4dae2"

THEME: Final = Theme(
    name="mxgateway",
    primary=PRIMARY,
    secondary="#6f8fae",
    accent=PRIMARY,
    warning="#d9a95f",
    error="#e0737c",
    success=SUCCESS,
    foreground=FOREGROUND,
    background="#11151b",
    surface="#181e26",
    panel="#2a3340",
    dark=True,
)
