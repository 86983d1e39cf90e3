"""Fixtures of the tests of profiles: the file, and a keyring in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.keyrings import MemoryKeyring, memory_keyring


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Save the file of profiles and return its path."""

    def save_file(content: str | bytes) -> Path:
        path = tmp_path / "mxgw-py" / "profiles.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return save_file


@pytest.fixture
def system_keyring() -> Iterator[MemoryKeyring]:
    """A keyring in memory."""
    with memory_keyring() as replacement:
        yield replacement
