"""API keys: who may do what, and in which part of the Galaxy."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from mxgateway.testing.state.globs import matches_glob

__all__ = ["Key", "KeyRing", "Scope"]

_BEARER = "bearer "
_PREFIX = "mxgw_"


class Scope(StrEnum):
    """What a key may be good for."""

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
    """What the gateway knows of a key.

    Attributes:
        key_id: the part of the key that is no secret.
        scopes: what the key may do.
        galaxy: the tags that it reaches, as globs over `Object.Attribute`; empty for all of them.
    """

    key_id: str
    scopes: frozenset[Scope]
    galaxy: tuple[str, ...] = ()
    text: str = field(repr=False)

    def reaches_tag(self, tag: str) -> bool:
        """Whether the key may use this tag, named `Object.Attribute`, with or without brackets."""
        return not self.galaxy or any(matches_glob(glob, tag.partition("[")[0]) for glob in self.galaxy)

    def reaches_object(self, object_name: str) -> bool:
        """Whether the key may see this object: one of its globs is about it."""
        return not self.galaxy or any(matches_glob(glob.partition(".")[0], object_name) for glob in self.galaxy)


class KeyRing:
    """The keys that a gateway accepts."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}

    def add(self, scopes: tuple[str, ...], galaxy: tuple[str, ...] = (), text: str | None = None) -> Key:
        """Accept a key from now on: `text`, or one that is made here.

        Raises:
            ValueError: a scope that no gateway knows, or a text that is no key.
        """
        known = {str(scope): scope for scope in Scope}
        unknown = [scope for scope in scopes if scope not in known]
        if unknown:
            raise ValueError(f"unknown scope {unknown[0]!r}; a gateway knows {', '.join(known)}")
        text = text or _made_up_key()
        key_id, separator, secret = text.removeprefix(_PREFIX).partition("_")
        if not (text.startswith(_PREFIX) and key_id and separator and secret):
            raise ValueError(f"a key has the form {_PREFIX}<key-id>_<secret>")
        key = Key(key_id=key_id, scopes=frozenset(known[scope] for scope in scopes), galaxy=galaxy, text=text)
        self._keys[key_id] = key
        return key

    def revoke(self, text: str) -> None:
        """Accept this key no longer."""
        self._keys = {key_id: key for key_id, key in self._keys.items() if key.text != text}

    def find(self, authorization: str | None) -> Key | None:
        """Give the key that an `authorization` header brings, when it is one of the ring's."""
        if authorization is None or not authorization.lower().startswith(_BEARER):
            return None
        text = authorization[len(_BEARER) :].strip()
        # The secret may hold underscores: the key id ends at the first one.
        key = self._keys.get(text.removeprefix(_PREFIX).partition("_")[0])
        if key is None or not hmac.compare_digest(key.text.encode(), text.encode()):
            return None
        return key


def _made_up_key() -> str:
    # A secret is URL-safe base64: it may hold `_` and `-`, so this one always does.
    secret = f"{secrets.token_urlsafe(12)}_{secrets.token_urlsafe(12)}-{secrets.token_urlsafe(6)}"
    return f"{_PREFIX}{secrets.token_hex(4)}_{secret}"
