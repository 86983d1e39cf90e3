"""Completion of the names of profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

__all__ = ["complete_profiles"]


def complete_profiles(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the profiles that begin with a text. Reads only the file of profiles."""
    # Imported late because only completion needs it here.
    from mxgateway.profiles import ProfileFile  # noqa: PLC0415

    try:
        names = ProfileFile.read().names
    except ValueError:
        # A completion cannot report an error: the command will.
        return []
    return [name for name in names if name.startswith(incomplete)]
