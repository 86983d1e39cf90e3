"""The API key that is stored in the system's keyring."""

from __future__ import annotations

import sys
from typing import TextIO

import click

from mxgateway import ApiKey, MxGatewayConfigurationError
from mxgateway.profiles import ApiKeySource
from mxgateway.redaction import Secret
from mxgateway.text_files import decode_text
from mxgateway_cli.input.text_source import stdin_reader

__all__ = ["read_key"]


def read_key(profile: str) -> ApiKey:
    """Return the key to store for a profile, from a hidden prompt on a terminal or else from stdin.

    Without an input it is the key that the keyring has for the profile already.

    Raises:
        click.UsageError: There is no key, or it is invalid.
        click.Abort: The prompt was cancelled.
    """
    text = _input()
    try:
        return ApiKey(text) if text else ApiKeySource(kind="keyring", name=profile).read()
    except MxGatewayConfigurationError as error:
        problem = f"no API key was given, and {error}"
    except ValueError as error:
        problem = f"invalid API key: {error}"
    raise click.UsageError(problem)


def _input() -> Secret:
    # Without a console, stdin is None.
    stdin: TextIO | None = sys.stdin
    reader = stdin_reader()
    if reader is not None:
        raise click.UsageError(f"cannot read the API key from stdin: {reader} reads its lines from there")
    if stdin is not None and stdin.isatty():
        return Secret(click.prompt("API key (hidden)", hide_input=True, err=True, default="", show_default=False))
    try:
        return Secret(decode_text(b"" if stdin is None else stdin.buffer.read(), "it").strip())
    except OSError as error:
        problem = (error.strerror or type(error).__name__).lower()
    except ValueError as error:
        problem = str(error)
    raise click.UsageError(f"cannot read the API key from stdin: {problem}")
