"""The tags of a call: several arguments, or one iterable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

__all__ = ["tag_names"]


def tag_names(tags: tuple[str | Iterable[str], ...]) -> tuple[str, ...]:
    """Return the arguments, or the elements of the only argument if that is an iterable. They are not checked."""
    # Not typed, because a program without a type checker may pass anything.
    only: Any = tags[0] if len(tags) == 1 else None
    if isinstance(only, Iterable) and not isinstance(only, (str, bytes)):
        return tuple(cast("Iterable[str]", only))
    return cast("tuple[str, ...]", tags)
