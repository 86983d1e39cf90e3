"""What the subcommands of `profile` do."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import click

from mxgateway import ClientOptions, MxGatewayConfigurationError
from mxgateway.options import profile_fields
from mxgateway.profiles import Profile, ProfileFile, delete_key, store_key
from mxgateway_cli.connecting.api_key import checked_variable_name
from mxgateway_cli.connecting.target import TLS_FIELDS
from mxgateway_cli.jobs.profiles.editing import delete_table, write_default, write_table
from mxgateway_cli.jobs.profiles.keys import read_key
from mxgateway_cli.output.layouts import print_all
from mxgateway_cli.results.profiles import PROFILES, ProfileRow, print_profile, print_removed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.profiles import ApiKeySource
    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Output

__all__ = ["NewProfile", "add_profile", "list_profiles", "remove_profile", "show_profile", "use_profile"]

_NAME: Final = re.compile(r"\w[\w.-]*")
_MAX_NAME_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProfile:
    """A profile to save.

    Attributes:
        name: Its name.
        target: The gateway.
        in_keyring: Whether the API key is stored in the system's keyring.
        replaces: Whether it may replace a profile with the same name.
        is_default: Whether it becomes the default one.
    """

    name: str
    target: Target
    in_keyring: bool
    replaces: bool
    is_default: bool


def add_profile(new: NewProfile, output: Output) -> None:
    """Save a profile, and its key if that is to be stored in the system's keyring.

    Raises:
        click.UsageError: The profile is invalid or exists already, its key is missing, or the file cannot be written.
        MxGatewayConfigurationError: The file of profiles is invalid, or the keyring cannot be used.
    """
    name = _checked_name(new.name)
    file = ProfileFile.read()
    if name in file.names and not new.replaces:
        raise click.UsageError(f"there is a profile {name!r} already: give --replace to replace it")
    settings = _settings(new)
    profile = Profile.from_table(name, settings, file.path)
    # The errors of these options are about the command line, not about the file.
    ClientOptions(**profile.settings)
    if profile.key is not None and profile.key.kind == "file":
        _check_key_file(profile.key)
    if new.in_keyring:
        key = read_key(name)
        output.diagnostics.protect(key)
        store_key(name, key)
    write_table(file.path, name, settings, is_default=new.is_default)
    print_profile(output, ProfileRow(profile=profile, is_default=new.is_default or file.default == name))


def list_profiles(output: Output) -> None:
    """Print all profiles.

    Raises:
        MxGatewayConfigurationError: The file or a profile is invalid.
    """
    file = ProfileFile.read()
    profiles = [profile for profile in map(file.select, file.names) if profile is not None]
    if not profiles and output.terminal:
        output.diagnostics.note(f"no profiles in {file.path}: mxgw-py profile add NAME --endpoint HOST:PORT saves one")
        return
    print_all(output, PROFILES, [_row(profile, file) for profile in profiles])


def show_profile(name: str | None, output: Output) -> None:
    """Print a profile, or the default one, and whether its key can be found.

    Raises:
        MxGatewayConfigurationError: The file or the profile is invalid, or there is no such profile.
    """
    file = ProfileFile.read()
    profile = file.select(name)
    if profile is None:
        raise file.no_profile()
    profile_fields(profile)
    row = _row(profile, file)
    print_profile(output, row, key_problem=_key_problem(row, output))


def use_profile(name: str, output: Output) -> None:
    """Make a profile the default one.

    Raises:
        click.UsageError: The file cannot be written.
        MxGatewayConfigurationError: The file or the profile is invalid, or there is no such profile.
    """
    file = ProfileFile.read()
    profile = file.select(name)
    if profile is None:
        raise file.no_profile()
    write_default(file.path, name)
    print_profile(output, ProfileRow(profile=profile, is_default=True))


def remove_profile(name: str, output: Output) -> None:
    """Remove a profile, and its key from the system's keyring. A profile with mistakes can be removed too.

    Raises:
        click.UsageError: The file cannot be written.
        MxGatewayConfigurationError: The file is invalid, or there is no such profile.
    """
    file = ProfileFile.read()
    if name not in file.names:
        file.select(name)
    has_stored_key = file.stores_key(name)
    delete_table(file.path, name)
    if has_stored_key:
        try:
            delete_key(name)
        except MxGatewayConfigurationError as error:
            output.diagnostics.warning(f"the API key of the profile is still in the system's keyring: {error}")
    print_removed(output, name)


def _row(profile: Profile, file: ProfileFile) -> ProfileRow:
    return ProfileRow(profile=profile, is_default=file.default == profile.name)


def _check_key_file(source: ApiKeySource) -> None:
    """Refuse a file without a key: the option may be mistyped, or may be given the key itself."""
    try:
        source.read()
    except ValueError as error:
        problem = str(error)
    else:
        return
    raise click.UsageError(f"--api-key-file: {problem}")


def _key_problem(row: ProfileRow, output: Output) -> str:
    """Return why the key of a profile cannot be found; empty if it can."""
    try:
        output.diagnostics.protect(row.key.read())
    except ValueError as error:
        return str(error)
    return ""


def _checked_name(name: str) -> str:
    # The name is not shown if it is most likely a key.
    if name.lower().startswith("mxgw_"):
        raise click.UsageError("give the profile a name, never an API key")
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME_CHARACTERS:
        raise click.UsageError(
            f"invalid name {name!r}: use letters, digits, '-', '_' and '.', at most {_MAX_NAME_CHARACTERS} characters"
        )
    return name


def _settings(new: NewProfile) -> Mapping[str, Any]:
    """Return the settings of a profile as they are in the file."""
    target = new.target
    fields = cast("dict[str, Any]", target.fields)
    names = [str(each) for each in target.endpoints]
    if not names:
        raise click.UsageError("no endpoint: give --endpoint HOST:PORT")
    settings: dict[str, Any] = {"endpoints": names} if len(names) > 1 else {"endpoint": names[0]}
    if fields["plaintext"]:
        settings["plaintext"] = True
    for name in TLS_FIELDS:
        if fields[name]:
            settings[name] = _absolute(fields[name]) if name.endswith("_file") else fields[name]
    if "timeout" in target.origins:
        settings["timeout"] = fields["timeout"]
    settings |= _key_settings(new)
    return settings


def _key_settings(new: NewProfile) -> Mapping[str, Any]:
    target = new.target
    is_file = target.api_key_file is not None
    is_given = is_file or "api_key_env" in target.origins
    if new.in_keyring and is_given:
        option = "--api-key-file" if is_file else "--api-key-env"
        raise click.UsageError(f"{option} and --api-key-keyring both name an API key: give only one of them")
    if new.in_keyring:
        return {"api_key_keyring": True}
    if target.api_key_file is not None:
        return {"api_key_file": _absolute(target.api_key_file)}
    if is_given and target.api_key_env is not None:
        return {"api_key_env": checked_variable_name(target.api_key_env)}
    return {}


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - Path.expanduser raises for an unknown user
