"""The file of profiles, `profiles.toml` in the user's configuration folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from mxgateway.profiles.errors import configuration_error
from mxgateway.profiles.profile import Profile
from mxgateway.redaction import REDACTED
from mxgateway.text_files import decode_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from mxgateway.errors import MxGatewayConfigurationError

__all__ = ["ProfileFile", "configuration_folder", "select_profile"]

_FOLDER_VARIABLE: Final = "MXGATEWAY_CONFIG_DIR"
_PROFILE_VARIABLE: Final = "MXGATEWAY_PROFILE"
_FOLDER_NAME: Final = "mxgw-py"
_FILE_NAME: Final = "profiles.toml"
_DEFAULT_KEY: Final = "default"
_PROFILES_KEY: Final = "profiles"
_ADVICE: Final = "name one, set MXGATEWAY_PROFILE, or choose a default with mxgw-py profile use NAME"


def configuration_folder() -> Path:
    """Return the folder of the user's profiles and known gateways. The folder may be missing.

    It is the one that MXGATEWAY_CONFIG_DIR names, or by default the folder `mxgw-py` where the operating system keeps
    the settings of a user: `%APPDATA%` on Windows, `~/.config` on Linux, `~/Library/Application Support` on macOS.
    """
    given = os.environ.get(_FOLDER_VARIABLE, "").strip()
    if given:
        return Path(given)
    import platformdirs  # noqa: PLC0415 - needed only for the default folder

    return platformdirs.user_config_path(_FOLDER_NAME, appauthor=False, roaming=True)


def select_profile(name: str | None = None) -> Profile | None:
    """Return a profile: the named one, that of MXGATEWAY_PROFILE, or the default one. None if there is no default.

    Raises:
        MxGatewayConfigurationError: the file or the profile is invalid, or there is no profile with this name.
    """
    return ProfileFile.read().select(name or os.environ.get(_PROFILE_VARIABLE, "").strip() or None)


class ProfileFile:
    """The content of the file of profiles. A missing file has no profiles.

    Attributes:
        path: the file.
        default: the name of the profile that is used when none is named, or None.
        names: the names of all profiles, in the order of the file.
    """

    def __init__(self, path: Path, default: str | None, tables: Mapping[str, object]) -> None:
        self.path = path
        self.default = default
        self.names: tuple[str, ...] = tuple(tables)
        self._tables = tables

    @classmethod
    def read(cls) -> Self:
        """Read the file. Each profile is checked when it is requested, so that a mistake in it concerns no other one.

        Raises:
            MxGatewayConfigurationError: the file cannot be read, or is not a file of profiles. The message names the
                file, and the line or the key.
        """
        path = configuration_folder() / _FILE_NAME
        content = _parse(path)
        for key in content:
            if key not in {_DEFAULT_KEY, _PROFILES_KEY}:
                raise configuration_error(f"{path} is not a file of profiles: unknown key {key!r}")
        default = content.get(_DEFAULT_KEY)
        if default is not None and not isinstance(default, str):
            raise configuration_error(f"{path}: {_DEFAULT_KEY} must be the name of a profile")
        tables: object = content.get(_PROFILES_KEY, {})
        if not isinstance(tables, dict):
            raise configuration_error(f"{path}: {_PROFILES_KEY} must be a table, for example [{_PROFILES_KEY}.NAME]")
        return cls(path, default, cast("dict[str, object]", tables))

    def select(self, name: str | None = None) -> Profile | None:
        """Return the profile with this name, or without a name the default one. None if there is no default.

        Raises:
            MxGatewayConfigurationError: there is no profile with this name, or the profile is invalid.
        """
        wanted = self.default if name is None else name
        if wanted is None:
            return None
        if wanted in self._tables:
            return Profile.from_table(wanted, self._tables[wanted], self.path)
        known = f"it has {', '.join(self.names)}" if self.names else "it has none"
        if name is None:
            raise configuration_error(f"{self.path}: {_DEFAULT_KEY} names the profile {wanted!r}, but {known}")
        raise configuration_error(f"no profile {wanted!r} in {self.path}: {known}")

    def stores_key(self, name: str) -> bool:
        """Return whether the system's keyring has the key of a profile, according to the file. It may have mistakes."""
        table = self._tables.get(name)
        return isinstance(table, dict) and bool(cast("dict[str, object]", table).get("api_key_keyring"))

    def no_profile(self) -> MxGatewayConfigurationError:
        """Return the error for a request without a name when there is no default."""
        return configuration_error(f"no profile is chosen ({self.path} has no default): {_ADVICE}")


def _without_keys(value: object) -> object:
    """Return the content of a file without API keys, which do not belong there: a traceback must not show them."""
    match value:
        case dict():
            table = cast("dict[str, object]", value)
            return {key: REDACTED if key == "api_key" else _without_keys(each) for key, each in table.items()}
        case list():
            return [_without_keys(each) for each in cast("list[object]", value)]
        case _:
            return value


def _parse(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        if not os.access(path.parent, os.X_OK):
            # The folder belongs to another user, for example after `sudo`.
            return {}
        problem = (error.strerror or type(error).__name__).lower()
    else:
        try:
            return _content(data)
        except ValueError as error:
            problem = str(error)
    # An error must not keep the content of the file, which may be a foreign one with secrets.
    data = b""
    raise configuration_error(f"cannot read the profiles in {path}: {problem}")


def _content(data: bytes) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - most users have no profiles

    try:
        return cast("dict[str, Any]", _without_keys(tomllib.loads(decode_text(data, "it"))))
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    except RecursionError:
        problem = "it is nested too deeply"
    if "\\" in problem or "hex value" in problem:
        problem += "; write a Windows path in single quotes"
    raise ValueError(problem)
