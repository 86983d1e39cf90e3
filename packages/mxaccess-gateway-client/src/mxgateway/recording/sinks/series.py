"""FileSeries: which file of a recording is the present one, and when the next one begins."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from filelock import FileLock

from mxgateway.errors import MxGatewayConfigurationError

__all__ = ["FileSeries", "Rotation"]

_TIME_FORMAT = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """When a recording begins a new file.

    Attributes:
        max_bytes: After a file has reached this size in bytes; None for any size.
        max_seconds: After a file is this old, in seconds; None for any age.

    Raises:
        MxGatewayConfigurationError: A limit is not positive.
    """

    max_bytes: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_seconds"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise MxGatewayConfigurationError(f"{name} must be positive, not {limit!r}")

    @property
    def is_set(self) -> bool:
        """Whether there is a limit."""
        return self.max_bytes is not None or self.max_seconds is not None


class FileSeries:
    """The files of one recording.

    Without a rotation it is one file, `path`. With one, or if `path` is a folder, each file has the time of its
    beginning in its name, in UTC: `values-20261127T083000.000000Z.csv`, or `20261127T083000.000000Z.csv` in a folder.
    With `by_date`, a folder has one folder for each day, `date=2026-11-27`, as readers of partitioned data expect it.
    """

    def __init__(self, path: str | os.PathLike[str], suffix: str, rotation: Rotation, *, by_date: bool = False) -> None:
        self._path = Path(path)
        self._suffix = suffix
        self._rotation = rotation
        self._is_folder = self._path.is_dir() or str(path).endswith(("/", os.sep))
        self._folder = self._path if self._is_folder else self._path.parent
        self._by_date = by_date and self._is_folder
        self._prefix = "" if self._is_folder else f"{self._path.stem}-"
        name = f"recording{suffix}" if self._is_folder else self._path.name
        # Not of one thread: a sink is used in several, one after the other.
        self.lock: Final = FileLock(self._folder / f".{name}.lock", timeout=0, thread_local=False)
        """Held by the program that writes the series."""

    @property
    def name(self) -> str:
        """The file or the folder as it was given."""
        return str(self._path)

    @property
    def is_single(self) -> bool:
        """Whether it is a single file."""
        return not (self._is_folder or self._rotation.is_set)

    def newest(self) -> Path:
        """Return the file to continue: the newest one, or the name of the first one."""
        if self.is_single:
            return self._path
        return max(self.existing(), default=self.next())

    def existing(self, suffix: str | None = None) -> list[Path]:
        """Return the files that exist, oldest first; with another suffix, those beside them."""
        suffix = suffix or self._suffix
        if self.is_single:
            path = self._path.with_suffix(suffix)
            return [path] if path.exists() else []
        pattern = f"{'date=*/' if self._by_date else ''}{self._prefix}*{suffix}"
        return sorted(path for path in self._folder.glob(pattern) if self._began(path) is not None)

    def next(self) -> Path:
        """Return the name of a new file, later than all others."""
        when = datetime.now(UTC)
        while (path := self._named(when)).exists():
            when += timedelta(microseconds=1)
        return path

    def is_full(self, path: Path, size: int) -> bool:
        """Whether a file of this size in bytes has reached a limit of the rotation."""
        rotation, began = self._rotation, self._began(path)
        too_large = rotation.max_bytes is not None and size >= rotation.max_bytes
        too_old = rotation.max_seconds is not None and began is not None and time.time() - began >= rotation.max_seconds
        # A day has its own folder.
        other_day = self._by_date and path.parent != self._named(datetime.now(UTC)).parent
        return too_large or too_old or other_day

    def _named(self, when: datetime) -> Path:
        folder = self._folder / f"date={when:%Y-%m-%d}" if self._by_date else self._folder
        return folder / f"{self._prefix}{when.strftime(_TIME_FORMAT)}{self._suffix}"

    def _began(self, path: Path) -> float | None:
        """Return when a file of the series began, in seconds since 1970; None for other files."""
        stamp = path.stem.removeprefix(self._prefix)
        try:
            return datetime.strptime(stamp, _TIME_FORMAT).replace(tzinfo=UTC).timestamp()
        except ValueError:
            return None
