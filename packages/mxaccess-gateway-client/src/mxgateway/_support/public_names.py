"""PublicNames: objects that list only their public names in `dir`."""

from __future__ import annotations

__all__ = ["PublicNames"]


class PublicNames:
    """A base class whose `dir` lists only public names, for the completion of names in a terminal or a notebook."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]
