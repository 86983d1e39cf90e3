"""Profile: the settings of one gateway, checked one by one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from mxgateway.profiles.errors import configuration_error
from mxgateway.profiles.keys import ApiKeySource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from mxgateway.auth import ApiKey
    from mxgateway.errors import MxGatewayConfigurationError

__all__ = ["ENDPOINT_SETTINGS", "SETTINGS", "Profile"]

# Larger integers cannot be converted to a float.
_MAX_NUMBER: Final = 1e300
_MAX_COMPARED_CHARACTERS: Final = 60
_KNOWN_GATEWAYS_NAME: Final = "known_gateways"

# The keys of a profile: the fields of ClientOptions except for the API key. A path may be relative to the file.
SETTINGS: Final[Mapping[str, type]] = {
    "endpoint": str,
    "endpoints": list,
    "shuffle_endpoints": bool,
    "plaintext": bool,
    "ca_file": Path,
    "server_name_override": str,
    "client_certificate_file": Path,
    "client_key_file": Path,
    "certificate_fingerprint": str,
    "known_gateways_file": Path,
    "trust_on_first_use": bool,
    "services": str,
    "timeout": float,
    "connect_timeout": float,
    "close_timeout": float,
    "max_message_bytes": int,
    "keepalive_time": float,
    "keepalive_timeout": float,
    "use_http_proxy": bool,
}
# The keys of one of several endpoints, if it is a table: the fields of GatewayEndpoint except for the API key.
ENDPOINT_SETTINGS: Final = (
    "endpoint",
    "plaintext",
    "ca_file",
    "server_name_override",
    "client_certificate_file",
    "client_key_file",
    "certificate_fingerprint",
    "known_gateways_file",
    "trust_on_first_use",
)
_KEY_SETTINGS: Final[Mapping[str, type]] = {"api_key_env": str, "api_key_file": Path, "api_key_keyring": bool}
_EXPECTED: Final[Mapping[type, str]] = {
    str: "a text in quotes",
    list: "an array of endpoints",
    Path: "the name of a file in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number of seconds",
}
_KEY_ADVICE: Final = "remove it, and say where the key is: api_key_env, api_key_file, or api_key_keyring = true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A gateway that is kept under a name.

    Attributes:
        name: its name.
        file: the file that it is from.
        settings: fields of ClientOptions, without the API key. The paths are absolute. One of several `endpoints` is a
            text, or a dict with the fields of GatewayEndpoint.
        key: where the API key is, or None if the profile does not say so.
    """

    name: str
    file: Path
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    key: ApiKeySource | None = None

    @classmethod
    def from_table(cls, name: str, table: object, file: Path) -> Self:
        """Return the profile that a table of the file describes.

        Raises:
            MxGatewayConfigurationError: a key is unknown or has a value of another type, or the profile has no
                endpoint. The message names the file and the key, and shows no value.
        """
        profile = cls(name=name, file=file)
        checked = profile._checked_table(table, {**SETTINGS, **_KEY_SETTINGS})
        settings = {key: value for key, value in checked.items() if key in SETTINGS}
        if not settings.get("endpoint") and not settings.get("endpoints"):
            raise profile.error("endpoint is missing")
        if settings.get("trust_on_first_use") and not settings.get("known_gateways_file"):
            settings["known_gateways_file"] = str(file.parent / _KNOWN_GATEWAYS_NAME)
        return cls(name=name, file=file, settings=settings, key=profile._key_source(checked))

    def read_key(self, source: ApiKeySource | None = None) -> ApiKey | None:
        """Return the API key from where the profile says it is, or from another source. None if there is no source.

        Raises:
            MxGatewayConfigurationError: there is no valid key. The message names the profile and its file.
        """
        chosen = source or self.key
        if chosen is None:
            return None
        try:
            return chosen.read()
        except ValueError as error:
            problem = str(error)
        raise self.error(problem)

    def error(self, problem: str) -> MxGatewayConfigurationError:
        """Return the error for a mistake in this profile."""
        return configuration_error(f"profile {self.name!r} in {self.file}: {problem}")

    def _checked_table(self, table: object, kinds: Mapping[str, type]) -> dict[str, Any]:
        if not isinstance(table, dict):
            raise self.error("it must be a table")
        values = cast("dict[str, object]", table)
        for key in values:
            if key == "api_key":
                raise self.error(f"api_key must not be in this file: {_KEY_ADVICE}")
            if key not in kinds:
                raise self.error(f"unknown key {key!r}{_suggestion(key, kinds)}")
        return {key: self._checked(key, value, kinds[key]) for key, value in values.items()}

    def _checked(self, key: str, value: object, kind: type) -> object:
        """Return the value of a key, converted to the type that it must have."""
        match value:
            case bool():
                if kind is bool:
                    return value
            case str() if kind is str and value.strip():
                return value.strip()
            case str() if kind is Path and value.strip():
                # os.path, because Path.expanduser raises an error for an unknown user.
                return str(self.file.parent / os.path.expanduser(value.strip()))  # noqa: PTH111
            case int() if kind is int:
                return value
            case int() | float() if kind is float and abs(value) < _MAX_NUMBER:
                return float(value)
            case list() if kind is list and value:
                return tuple(map(self._checked_endpoint, cast("list[object]", value)))
            case _:
                pass
        raise self.error(f"{key} must be {_EXPECTED[kind]}")

    def _checked_endpoint(self, value: object) -> object:
        if not isinstance(value, dict):
            return self._checked("endpoints", value, str)
        kinds = {key: SETTINGS[key] for key in ENDPOINT_SETTINGS}
        checked = self._checked_table(cast("dict[str, object]", value), kinds)
        if not checked.get("endpoint"):
            raise self.error("endpoints has a table without endpoint")
        return checked

    def _key_source(self, checked: Mapping[str, Any]) -> ApiKeySource | None:
        given = [key for key in _KEY_SETTINGS if checked.get(key)]
        if len(given) > 1:
            raise self.error(f"{given[0]} and {given[1]} both name an API key: keep only one of them")
        match given:
            case ["api_key_env"]:
                return ApiKeySource(kind="environment", name=checked["api_key_env"])
            case ["api_key_file"]:
                return ApiKeySource(kind="file", name=checked["api_key_file"])
            case ["api_key_keyring"]:
                return ApiKeySource(kind="keyring", name=self.name)
            case _:
                return None


def _suggestion(key: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - needed only for a mistake

    near = get_close_matches(key[:_MAX_COMPARED_CHARACTERS], known, n=1)
    return f", did you mean {near[0]}?" if near else ""
