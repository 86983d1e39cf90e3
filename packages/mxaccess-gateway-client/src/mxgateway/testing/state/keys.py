"""API keys with their scopes, and with the part of the Galaxy that they give access to."""

from __future__ import annotations

import fnmatch
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

__all__ = ["Key", "KeyRing", "Scope", "matches_glob"]

_BEARER = "bearer "
_PREFIX = "mxgw_"


class Scope(StrEnum):
    """A permission of an API key."""

    SESSION_OPEN = "session:open"
    SESSION_CLOSE = "session:close"
    INVOKE_READ = "invoke:read"
    INVOKE_WRITE = "invoke:write"
    INVOKE_SECURE = "invoke:secure"
    EVENTS_READ = "events:read"
    METADATA_READ = "metadata:read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key that the gateway accepts.

    Attributes:
        key_id: the part of the key that is not secret.
        scopes: the permissions of the key.
        galaxy: the tags that the key gives access to, as globs over `Object.Attribute`; empty for all tags.
        text: the whole key.
    """

    key_id: str
    scopes: frozenset[Scope]
    galaxy: tuple[str, ...] = ()
    text: str = field(repr=False)

    def can_access_tag(self, tag: str) -> bool:
        """Return whether the key gives access to this tag, named `Object.Attribute`, with or without brackets."""
        return not self.galaxy or any(matches_glob(glob, tag.partition("[")[0]) for glob in self.galaxy)

    def can_access_object(self, object_name: str) -> bool:
        """Return whether the key gives access to at least some tags of this object."""
        return not self.galaxy or any(matches_glob(glob.partition(".")[0], object_name) for glob in self.galaxy)


class KeyRing:
    """The API keys that a gateway accepts."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}

    def add(self, scopes: tuple[str, ...], galaxy: tuple[str, ...] = (), text: str | None = None) -> Key:
        """Accept a key from now on: `text`, or a generated key if `text` is None.

        Raises:
            ValueError: a scope is unknown, or `text` does not have the form of a key.
        """
        known = {str(scope): scope for scope in Scope}
        unknown = [scope for scope in scopes if scope not in known]
        if unknown:
            raise ValueError(f"unknown scope {unknown[0]!r}: use {', '.join(known)}")
        text = text or _generate_key()
        key_id, separator, secret = text.removeprefix(_PREFIX).partition("_")
        if not (text.startswith(_PREFIX) and key_id and separator and secret):
            raise ValueError(f"invalid API key: it must have the form {_PREFIX}<key-id>_<secret>")
        key = Key(key_id=key_id, scopes=frozenset(known[scope] for scope in scopes), galaxy=galaxy, text=text)
        self._keys[key_id] = key
        return key

    def revoke(self, text: str) -> None:
        """Stop accepting this key."""
        self._keys = {key_id: key for key_id, key in self._keys.items() if key.text != text}

    def find(self, authorization: str | None) -> Key | None:
        """Return the key in an `authorization` header. Return None if there is no header or the key is unknown."""
        if authorization is None or not authorization.lower().startswith(_BEARER):
            return None
        text = authorization[len(_BEARER) :].strip()
        # A secret may contain underscores: the key id ends at the first one.
        key = self._keys.get(text.removeprefix(_PREFIX).partition("_")[0])
        if key is None or not hmac.compare_digest(key.text.encode(), text.encode()):
            return None
        return key


def matches_glob(glob: str, text: str) -> bool:
    """Return whether `glob`, a pattern with `*` and `?`, matches all of `text`, ignoring case.

    Brackets have no special meaning, because names of arrays contain them.
    """
    return _compiled(glob).match(text) is not None


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(glob.replace("[", "[[]")), re.IGNORECASE)


def _generate_key() -> str:
    # The secret of a real key is URL-safe base64, which may contain `_` and `-`. This one always contains both.
    secret = f"{secrets.token_urlsafe(12)}_{secrets.token_urlsafe(12)}-{secrets.token_urlsafe(6)}"
    return f"{_PREFIX}{secrets.token_hex(4)}_{secret}"
