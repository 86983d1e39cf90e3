"""Checks of arguments and options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypedDict

from mxgateway.auth import ApiKey
from mxgateway.errors import MxGatewayConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["check_seconds", "check_tags", "normalize_fingerprint", "split_endpoint", "wrap_api_key"]

_FINGERPRINT_PATTERN = r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}"
_CREDENTIALS_PATTERN = r":[^:@/]*@"
_MAX_SECONDS = 366 * 86400
_MAX_PORT = 65535
_MAX_PORT_DIGITS = 5


def check_seconds(name: str, seconds: float) -> float:
    """Return `seconds` if it is a valid timeout.

    Raises:
        MxGatewayConfigurationError: it is not positive, not finite, or more than a year.
    """
    if not 0 < seconds <= _MAX_SECONDS:
        raise MxGatewayConfigurationError(f"{name} {seconds!r} is not a positive number of seconds up to a year")
    return seconds


def normalize_fingerprint(text: str) -> str | None:
    """Return a SHA-256 fingerprint as 64 lower-case hex digits, or None if the text, colons aside, is not one."""
    return text.replace(":", "").lower() if re.fullmatch(_FINGERPRINT_PATTERN, text) else None


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Return the host and the port of an endpoint `host:port`; the brackets of an IPv6 address are removed.

    Raises:
        MxGatewayConfigurationError: the endpoint has another form. The message says which form is expected.
    """
    # A URL may contain a password.
    endpoint = re.sub(_CREDENTIALS_PATTERN, ":***@", endpoint)
    if "://" in endpoint:
        scheme, _, rest = endpoint.partition("://")
        hint = " and plaintext=True" if scheme == "http" else ""
        raise MxGatewayConfigurationError(f"endpoint {endpoint!r} is a URL: use {rest.rstrip('/')!r}{hint}")
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise MxGatewayConfigurationError(
            f"endpoint {endpoint!r} is not host:port, for example localhost:5001 or [::1]:5001"
        )
    if not (port.isascii() and port.isdigit() and len(port) <= _MAX_PORT_DIGITS and 0 < int(port) <= _MAX_PORT):
        raise MxGatewayConfigurationError(f"endpoint {endpoint!r} must end with a port from 1 to {_MAX_PORT}")
    if any(character.isspace() or character in "/,@" for character in host):
        raise MxGatewayConfigurationError(f"endpoint {endpoint!r} has a character that cannot be part of a host name")
    return host.removeprefix("[").removesuffix("]"), int(port)


class _ApiKeyField(TypedDict, total=False):
    api_key: ApiKey | str | None


def wrap_api_key(fields: dict[str, Any] | _ApiKeyField) -> None:
    """Replace the text of `api_key` in these fields with an ApiKey, before anything else can fail.

    A traceback may show the arguments of a function. After this call no frame of this library holds the key as text.

    Raises:
        MxGatewayConfigurationError: the key is invalid. The message never holds the key.
    """
    problem = None
    if fields.get("api_key") is not None:
        fields["api_key"], problem = _api_key(fields.pop("api_key"))
    if problem is not None:
        raise MxGatewayConfigurationError(problem)


def _api_key(key: object) -> tuple[ApiKey | None, str | None]:
    """Return the ApiKey, or the reason why the key is invalid."""
    if isinstance(key, ApiKey):
        return key, None
    if not isinstance(key, str):
        return None, f"api_key must be a str or an ApiKey, not {type(key).__name__}"
    try:
        return ApiKey(key), None
    except ValueError as error:
        return None, str(error)


def check_tags(tags: Iterable[str]) -> None:
    """Check tag names before they are sent, because a bulk call with an invalid name would fail for the other tags too.

    Raises:
        MxGatewayConfigurationError: a name is empty or not a string that can be encoded.
    """
    for tag in tags:
        try:
            valid = bool(tag.strip()) and bool(tag.encode())
        except (AttributeError, UnicodeEncodeError):
            valid = False
        if not valid:
            raise MxGatewayConfigurationError(f"invalid tag name {tag!r}: expected a string such as Object.Attribute")
