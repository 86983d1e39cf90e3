"""What somebody typed, as a message about it shows it."""

from __future__ import annotations

from typing import Final

__all__ = ["quoted"]

_LONGEST: Final = 80


def quoted(text: str) -> str:
    """Give a text in quotes, cut where it is very long."""
    return repr(text) if len(text) <= _LONGEST else f"{text[:_LONGEST]!r}... ({len(text)} characters)"
