"""The error of a script."""

from __future__ import annotations

__all__ = ["ScriptError"]


class ScriptError(ValueError):
    """A script is invalid, or one of its steps failed. The message names the file, the line or key, and the problem."""
