"""The people of the plant, and what its attributes ask of them."""

from __future__ import annotations

import hmac
import uuid
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["Identities", "SecurityClassification", "User"]


class SecurityClassification(IntEnum):
    """What an attribute asks of whoever writes it, with the Galaxy's own numbers."""

    FREE_ACCESS = 0
    OPERATE = 1
    SECURED_WRITE = 2
    VERIFIED_WRITE = 3
    TUNE = 4
    CONFIGURE = 5
    VIEW_ONLY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who can sign for a write.

    Attributes:
        user_id: the number that MXAccess uses.
        name: what `AuthenticateUser` takes, in any case.
        password: what `AuthenticateUser` takes with it.
        guid: what `ArchestrAUserToId` takes, with or without braces, in any case.
        may: the security classifications that the user may write.
        may_verify: whether the user may sign as the verifier of a verified write.
    """

    user_id: int
    name: str
    password: str = field(repr=False)
    guid: uuid.UUID = field(default_factory=uuid.uuid4)
    may: frozenset[SecurityClassification] = frozenset(SecurityClassification) - {SecurityClassification.VIEW_ONLY}
    may_verify: bool = False


class Identities:
    """The users that one MXAccess object has met: by password, or by GUID alone."""

    def __init__(self, users: tuple[User, ...]) -> None:
        self._users = users
        self._authenticated: dict[int, User] = {}
        self._known: dict[int, User] = {}

    def authenticate(self, name: str, password: str) -> User | None:
        """Let somebody in by name, in any case, and password."""
        for user in self._users:
            if user.name.casefold() == name.casefold() and hmac.compare_digest(
                user.password.encode(), password.encode()
            ):
                self._authenticated[user.user_id] = self._known[user.user_id] = user
                return user
        return None

    def by_guid(self, guid: str) -> User | None:
        """Find somebody by GUID, with or without braces, in any case. That is no authentication."""
        try:
            wanted = uuid.UUID(guid)
        except ValueError:
            return None
        for user in self._users:
            if user.guid == wanted:
                self._known[user.user_id] = user
                return user
        return None

    def known(self, user_id: int) -> User | None:
        """Give a user that this object has met in any way."""
        return self._known.get(user_id)

    def authenticated(self, user_id: int) -> User | None:
        """Give a user who has shown a password."""
        return self._authenticated.get(user_id)
