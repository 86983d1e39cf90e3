"""The API key: the options that name it, and reading it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from mxgateway import ApiKey

__all__ = ["checked_variable_name", "choose_api_key", "read_api_key"]

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def choose_api_key(context: click.Context, parameters: dict[str, Any]) -> tuple[str | None, str | None]:
    """Remove the options of the API key from a command's parameters.

    Return the environment variable and the file that hold the key. At most one of them is not None.

    Raises:
        click.UsageError: Both are given.
    """
    variable, file = parameters.pop("api_key_env") or None, parameters.pop("api_key_file") or None
    variable_here, file_here = (
        context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("api_key_env", "api_key_file")
    )
    if variable and file and variable_here == file_here:
        raise click.UsageError("--api-key-file and --api-key-env both name an API key: give only one of them")
    return (variable, None) if variable and (file is None or variable_here) else (None, file)


def read_api_key(variable: str, file: str | None) -> ApiKey:
    """Return the API key in a file, or in an environment variable if there is no file.

    Raises:
        click.UsageError: The file cannot be read, the variable is not set, or the key is invalid.
    """
    if file is not None:
        return _key_from_file(file)
    variable = checked_variable_name(variable)
    text = os.environ.get(variable, "")
    if not text.strip():
        state = "is empty" if variable in os.environ else "is not set"
        # A name that is not in upper case may be a fragment of the key.
        name = f"variable {variable}" if variable.isupper() else "variable that --api-key-env names"
        raise click.UsageError(
            f"no API key: the environment {name} {state}; set it, or give --api-key-env NAME or --api-key-file"
        )
    from mxgateway import ApiKey  # noqa: PLC0415 - so that --help doesn't load the library

    try:
        return ApiKey(text)
    except ValueError as error:
        problem = str(error)
    raise click.UsageError(f"invalid API key in the environment variable {variable}: {problem}")


def checked_variable_name(name: str) -> str:
    """Return the value of `--api-key-env`.

    Raises:
        click.UsageError: It cannot be the name of a variable.
    """
    if not _VARIABLE_NAME.fullmatch(name) or name.lower().startswith("mxgw_"):
        # The message must not show the value, which is most likely the key itself.
        raise click.UsageError("--api-key-env takes the name of an environment variable, never the key itself")
    return name


def _key_from_file(path: str) -> ApiKey:
    from mxgateway import ApiKey  # noqa: PLC0415 - so that --help doesn't load the library

    try:
        return ApiKey.from_file(Path(path))
    except OSError as error:
        problem = f"cannot read the API key file {path}: {error.strerror or type(error).__name__}"
    except ValueError as error:
        problem = f"invalid API key in the file {path}: {error}"
    raise click.UsageError(problem)
