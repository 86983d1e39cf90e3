"""Users of the plant, and the security classifications of attributes."""

from __future__ import annotations

import hmac
import uuid
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["Identities", "SecurityClassification", "User"]


class SecurityClassification(IntEnum):
    """What an attribute requires of a user who writes it. The numbers are those of the Galaxy."""

    FREE_ACCESS = 0
    OPERATE = 1
    SECURED_WRITE = 2
    VERIFIED_WRITE = 3
    TUNE = 4
    CONFIGURE = 5
    VIEW_ONLY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user who can sign a write.

    Attributes:
        user_id: the number of the user in MXAccess.
        name: the name for `AuthenticateUser`, which ignores case.
        password: the password for `AuthenticateUser`.
        guid: the id for `ArchestrAUserToId`, which takes it with or without braces and ignores case.
        may: the security classifications that the user may write.
        may_verify: whether the user may be the verifier of a verified write.
    """

    user_id: int
    name: str
    password: str = field(repr=False)
    guid: uuid.UUID = field(default_factory=uuid.uuid4)
    may: frozenset[SecurityClassification] = frozenset(SecurityClassification) - {SecurityClassification.VIEW_ONLY}
    may_verify: bool = False


class Identities:
    """The users that one MXAccess object knows: authenticated with a password, or only identified by GUID."""

    def __init__(self, users: tuple[User, ...]) -> None:
        self._users = users
        self._authenticated: dict[int, User] = {}
        self._known: dict[int, User] = {}

    def authenticate(self, name: str, password: str) -> User | None:
        """Authenticate a user and return it. Return None if the name, ignoring case, or the password is wrong."""
        for user in self._users:
            if user.name.casefold() == name.casefold() and hmac.compare_digest(
                user.password.encode(), password.encode()
            ):
                self._authenticated[user.user_id] = self._known[user.user_id] = user
                return user
        return None

    def by_guid(self, guid: str) -> User | None:
        """Identify a user by GUID, with or without braces, ignoring case. This does not authenticate the user."""
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
        """Return a user who has been authenticated or identified, or None."""
        return self._known.get(user_id)

    def authenticated(self, user_id: int) -> User | None:
        """Return a user who has been authenticated with a password, or None."""
        return self._authenticated.get(user_id)
