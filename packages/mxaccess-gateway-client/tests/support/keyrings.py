"""A keyring in memory, in place of that of the operating system."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

__all__ = ["MemoryKeyring", "memory_keyring"]


class MemoryKeyring(KeyringBackend):
    """A keyring in memory.

    Attributes:
        passwords: What is stored, by service and user name.
        problem: Why it cannot be used, or None if it can.
    """

    def __init__(self) -> None:
        # keyring does not annotate it.
        initialize: Any = super().__init__
        initialize()
        self.passwords: dict[tuple[str, str], str] = {}
        self.problem: str | None = None

    def get_password(self, service: str, username: str) -> str | None:
        """Return a password, or None if there is none."""
        self._check()
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a password."""
        self._check()
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Delete a password, which must be there."""
        self._check()
        if self.passwords.pop((service, username), None) is None:
            raise PasswordDeleteError("no such password")

    def _check(self) -> None:
        if self.problem is not None:
            raise KeyringError(self.problem)


@contextmanager
def memory_keyring() -> Generator[MemoryKeyring]:
    """Use a keyring in memory while the block runs."""
    before = keyring.get_keyring()
    replacement = MemoryKeyring()
    keyring.set_keyring(replacement)
    try:
        yield replacement
    finally:
        keyring.set_keyring(before)
