"""Files that tests give to the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Save: TypeAlias = Callable[[str | bytes], Path]


def save_file(path: Path, content: str | bytes) -> Path:
    """Save a file, text in UTF-8, and return its path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
