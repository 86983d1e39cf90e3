"""Checks of what the caller gave."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypedDict

from mxgateway.auth import ApiKey
from mxgateway.errors import MxGatewayConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["check_seconds", "check_tags", "normal_fingerprint", "split_endpoint", "take_key"]

_FINGERPRINT = r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}"
_URL_PASSWORD = re.compile(r":[^:@/]*@")
_MOST_DIGITS = 5


def check_seconds(name: str, seconds: float) -> float:
    """Give `seconds` back when they are a time to wait.

    Raises:
        MxGatewayConfigurationError: they are not positive, not finite, or more than a year.
    """
    if not 0 < seconds <= 366 * 86400:
        raise MxGatewayConfigurationError(f"{name} {seconds!r} is not a positive number of seconds up to a year")
    return seconds


def normal_fingerprint(text: str) -> str | None:
    """Give a SHA-256 fingerprint as 64 lower-case hex digits, or None when it is none; colons are allowed."""
    return text.replace(":", "").lower() if re.fullmatch(_FINGERPRINT, text) else None


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Give host and port of `host:port`.

    Raises:
        MxGatewayConfigurationError: it is something else; the text says what to write.
    """
    # A URL may come with a password.
    endpoint = _URL_PASSWORD.sub(":***@", endpoint)
    if "://" in endpoint:
        scheme, _, rest = endpoint.partition("://")
        hint = ", and plaintext=True for http" if scheme == "http" else ""
        raise MxGatewayConfigurationError(f"endpoint {endpoint!r} is a URL: give {rest.rstrip('/')!r}{hint}")
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise MxGatewayConfigurationError(
            f"endpoint {endpoint!r} is not host:port, for example localhost:5001 or [::1]:5001"
        )
    if not (port.isascii() and port.isdigit() and len(port) <= _MOST_DIGITS and 0 < int(port) < 65536):
        raise MxGatewayConfigurationError(f"endpoint {endpoint!r} has no port between 1 and 65535 behind the colon")
    if any(character.isspace() or character in "/,@" for character in host):
        raise MxGatewayConfigurationError(f"endpoint {endpoint!r} has a character that no host name can have")
    return host.removeprefix("[").removesuffix("]"), int(port)


class _GivenKey(TypedDict, total=False):
    api_key: ApiKey | str | None


def take_key(given: dict[str, Any] | _GivenKey) -> None:
    """Make an ApiKey of whatever was given as a key, before anything else can fail.

    A traceback may show what a function was given: after this no frame of ours holds the text of a key.

    Raises:
        MxGatewayConfigurationError: it is no key.
    """
    problem = None
    if given.get("api_key") is not None:
        given["api_key"], problem = _api_key(given.pop("api_key"))
    if problem is not None:
        raise MxGatewayConfigurationError(problem)


def _api_key(key: object) -> tuple[ApiKey | None, str | None]:
    """Give the key, or what is wrong with it."""
    if isinstance(key, ApiKey):
        return key, None
    if not isinstance(key, str):
        return None, f"api_key is a {type(key).__name__}: give a str or an ApiKey"
    try:
        return ApiKey(key), None
    except ValueError as error:
        return None, str(error)


def check_tags(tags: Iterable[str]) -> None:
    """Make sure that these can be asked for, together with the tags of others.

    Raises:
        MxGatewayConfigurationError: one is no name.
    """
    for tag in tags:
        try:
            possible = bool(tag.strip()) and bool(tag.encode())
        except (AttributeError, UnicodeEncodeError):
            possible = False
        if not possible:
            raise MxGatewayConfigurationError(f"tag {tag!r} is no name: give each tag as a text, Object.Attribute")
