"""The cache of the names in a Galaxy, from which tags are completed without asking the gateway."""

from __future__ import annotations

import contextlib
import os
import re
from bisect import bisect_left
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["GalaxyCache", "SeenNames"]

# More than a person completes, and a bound for the memory of a command that walks through the whole Galaxy.
_MAX_SEEN: Final = 200_000
_FILE_NAME_CHARACTERS: Final = re.compile(r"[^a-z0-9.-]+")


class GalaxyCache:
    """The names of objects and tags that commands have seen in the Galaxy behind an endpoint.

    It is a text file with a name per line, in alphabetical order. A tag is `Object.Attribute`; a name without a dot is
    an object. Case does not matter.

    Attributes:
        endpoint: The endpoint.
        path: The file.
    """

    def __init__(self, endpoint: str) -> None:
        # Loaded only here: most commands neither complete nor browse.
        from platformdirs import user_cache_path  # noqa: PLC0415

        self.endpoint = endpoint
        name = _FILE_NAME_CHARACTERS.sub("_", endpoint.strip().lower())
        self.path: Path = user_cache_path("mxgw-py", appauthor=False) / "galaxies" / f"{name}.txt"

    def starting_with(self, prefix: str) -> list[str]:
        """Return the names that start with a prefix, in alphabetical order; none if there is no cache."""
        names = self._read()
        key = prefix.casefold()
        start = bisect_left(names, key, key=str.casefold)
        return list(takewhile(lambda name: name.casefold().startswith(key), names[start:]))

    def add(self, names: Iterable[str]) -> None:
        """Add names that were seen. A cache that cannot be written is left as it is."""
        known = {name.casefold(): name for name in self._read()}
        count = len(known)
        for name in names:
            if name.isprintable() and name.strip():
                known.setdefault(name.casefold(), name)
        if len(known) > count:
            with contextlib.suppress(OSError):
                self._write(known[key] for key in sorted(known))

    def replace(self, names: Iterable[str]) -> int:
        """Forget all names, put these in their place, and return their number.

        Raises:
            OSError: The file cannot be written.
        """
        unique = {name.casefold(): name for name in names if name.isprintable() and name.strip()}
        self._write(unique[key] for key in sorted(unique))
        return len(unique)

    def _read(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return []

    def _write(self, names: Iterable[str]) -> None:
        # Loaded only here, because completion needs it at no time.
        import tempfile  # noqa: PLC0415

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Replaced in one step: a completion may read at the same time, and another command may write.
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.stem)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{name}\n" for name in names)
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


class SeenNames:
    """The names that a command has seen, up to a limit."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def see(self, name: str, references: Iterable[str]) -> None:
        """Take note of an object and of the references of its attributes."""
        if len(self._names) < _MAX_SEEN:
            self._names += (name, *references)

    def add_to(self, cache: GalaxyCache) -> None:
        """Add the names to a cache."""
        cache.add(self._names)
