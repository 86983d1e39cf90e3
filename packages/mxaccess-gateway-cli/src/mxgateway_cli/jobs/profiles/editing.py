"""Changes of the file of profiles. What a user wrote by hand, comments included, stays as it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import tomlkit
from tomlkit.items import Table

from mxgateway.text_files import decode_text, replace_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tomlkit import TOMLDocument

__all__ = ["delete_table", "write_default", "write_table"]

_HEADING: Final = """\
# Gateways by name, for mxgw-py --profile NAME and for ClientOptions.from_profile("NAME").
# An API key must not be in this file, only where it is: api_key_env, api_key_file or api_key_keyring.
"""


def write_table(path: Path, name: str, settings: Mapping[str, Any], *, is_default: bool) -> None:
    """Write the table of a profile, in place of the one that is there.

    Raises:
        click.UsageError: The file cannot be written.
    """

    def change(document: TOMLDocument) -> None:
        if is_default:
            document["default"] = name
        table = tomlkit.table()
        for key, value in settings.items():
            table.add(key, _item(value))
        _profiles(document)[name] = table

    _edit(path, change)


def write_default(path: Path, name: str) -> None:
    """Write the name of the default profile.

    Raises:
        click.UsageError: The file cannot be written.
    """

    def change(document: TOMLDocument) -> None:
        document["default"] = name

    _edit(path, change)


def delete_table(path: Path, name: str) -> None:
    """Delete the table of a profile, and its name if it is the default one.

    Raises:
        click.UsageError: The file cannot be written.
    """

    def change(document: TOMLDocument) -> None:
        _profiles(document).remove(name)
        if "default" in document and document["default"] == name:
            document.remove("default")

    _edit(path, change)


def _edit(path: Path, change: Callable[[TOMLDocument], None]) -> None:
    # If the path is a symbolic link, the file behind it is replaced and the link stays.
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = decode_text(path.read_bytes()) if path.exists() else _HEADING
        document = tomlkit.parse(text)
        change(document)
        replace_text(path, tomlkit.dumps(document))
    except OSError as error:
        problem = (error.strerror or type(error).__name__).lower()
    else:
        return
    raise click.UsageError(f"cannot write the profiles to {path}: {problem}")


def _profiles(document: TOMLDocument) -> Table:
    if "profiles" not in document:
        document["profiles"] = tomlkit.table(is_super_table=True)
    profiles = document["profiles"]
    if not isinstance(profiles, Table):
        # As `profiles = { plant = { ... } }`, to which no table can be added.
        raise click.UsageError("the profiles in the file are on one line: write each as [profiles.NAME]")
    return profiles


def _item(value: object) -> Any:
    # A Windows path is readable only without escapes.
    if isinstance(value, str) and "\\" in value and "'" not in value:
        return tomlkit.string(value, literal=True)
    return tomlkit.item(value)
