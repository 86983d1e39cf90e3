"""API keys in the keyring of the operating system, by the library `keyring` (extra `keyring`).

That is the Credential Manager on Windows, the Keychain on macOS, and the Secret Service on Linux.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from mxgateway.auth import ApiKey
from mxgateway.profiles.errors import configuration_error
from mxgateway.redaction import Secret, redact

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["delete_key", "store_key", "stored_key"]

_SERVICE: Final = "mxaccess-gateway"
_HINT: Final = "on a machine without one, keep the key in a file or in an environment variable"


def stored_key(profile: str) -> ApiKey:
    """Return the key that the keyring has for a profile.

    Raises:
        MxGatewayConfigurationError: the keyring cannot be used, or has no valid key for the profile.
    """
    with _usable() as keyring:
        found = Secret(keyring.get_password(_SERVICE, profile) or "")
    if not found:
        raise configuration_error(f"the system's keyring has no key for the profile {profile!r}")
    try:
        return ApiKey(found)
    except ValueError as error:
        problem = str(error)
    raise configuration_error(f"the system's keyring has no valid key for the profile {profile!r}: {problem}")


def store_key(profile: str, key: ApiKey) -> None:
    """Store a key for a profile in the keyring, in place of the key that is there.

    Raises:
        MxGatewayConfigurationError: the keyring cannot be used, or did not keep the key.
    """
    with _usable() as keyring:
        keyring.set_password(_SERVICE, profile, key.reveal())
        # Some keyrings store nothing and report no error.
        is_kept = keyring.get_password(_SERVICE, profile) == key.reveal()
        name = type(keyring.get_keyring()).__module__
    if not is_kept:
        raise configuration_error(f"the system's keyring ({name}) did not keep the key")


def delete_key(profile: str) -> None:
    """Delete the key of a profile from the keyring, if there is one.

    Raises:
        MxGatewayConfigurationError: the keyring cannot be used.
    """
    with _usable() as keyring:
        if keyring.get_password(_SERVICE, profile) is not None:
            keyring.delete_password(_SERVICE, profile)


@contextmanager
def _usable() -> Generator[Any]:
    """Yield the library `keyring`, and turn its errors into ours while the block runs."""
    from mxgateway._support.extras import import_extra  # noqa: PLC0415 - loads grpc, as all errors do

    keyring = import_extra("keyring", extra="keyring", purpose="the system's keyring")
    try:
        yield keyring
    except Exception as error:  # noqa: BLE001 - each keyring has errors of its own
        problem = redact(" ".join(str(error).split())) or type(error).__name__
    else:
        return
    raise configuration_error(f"the system's keyring cannot be used: {problem}").with_hint(_HINT)
