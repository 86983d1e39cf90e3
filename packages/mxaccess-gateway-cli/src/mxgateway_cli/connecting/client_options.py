"""ClientOptions and API key of a target."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxgateway import ApiKey, ClientOptions, GatewayEndpoint
from mxgateway_cli.connecting.target import DEFAULT_API_KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.options import ClientOptionsFields, FilePath
    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Diagnostics

__all__ = ["client_options"]

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def client_options(target: Target, diagnostics: Diagnostics) -> ClientOptions:
    """Return the client's options for a target. `from_env` reads the fields without an option from the environment.

    Raises:
        click.UsageError: The endpoint or the API key is missing, or a file cannot be used.
        MxGatewayConfigurationError: An option is invalid.
    """
    if not target.endpoints:
        raise click.UsageError("no endpoint: give --endpoint HOST:PORT or set MXGATEWAY_ENDPOINT")
    api_key = _api_key(target)
    diagnostics.protect(api_key)
    fields = target.fields.copy()
    fields["api_key"] = api_key
    _set_endpoints(fields, {each: _known_gateways_file(target, each) for each in target.endpoints})
    options = ClientOptions.from_env(**fields)
    if not target.timeout_given or os.environ.get("MXGATEWAY_CONNECT_TIMEOUT"):
        return options
    return replace(options, connect_timeout=min(options.connect_timeout, target.timeout))


def _set_endpoints(fields: ClientOptionsFields, known_gateways_files: Mapping[str, FilePath | None]) -> None:
    """Set the fields for endpoints, each of which has its file of known gateways or trusts in another way."""
    first, *others = known_gateways_files
    if len(set(known_gateways_files.values())) > 1:
        fields["endpoints"] = [
            GatewayEndpoint(endpoint=endpoint, known_gateways_file=file)
            for endpoint, file in known_gateways_files.items()
        ]
        return
    fields["known_gateways_file"] = known_gateways_files[first]
    if others:
        fields["endpoints"] = [first, *others]
    else:
        fields["endpoint"] = first


def _known_gateways_file(target: Target, endpoint: str) -> FilePath | None:
    """Return the file whose certificates are trusted, or None if the gateway is trusted in another way.

    Without an option, a gateway that was remembered on its first use is still trusted by its fingerprint only.
    """
    path = target.fields.get("known_gateways_file")
    if path is not None:
        return path
    folder = Path(click.get_app_dir("mxgw-py"))
    default = str(folder / "known_gateways")
    if not target.fields.get("trust_on_first_use"):
        return default if target.uses_default_trust and _is_remembered(endpoint, default) else None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    else:
        return default
    raise click.UsageError(f"cannot create the folder {folder}: {problem}; give --known-gateways-file FILE")


def _is_remembered(endpoint: str, path: str) -> bool:
    try:
        is_missing = not Path(path).exists()
    except OSError:
        # The configuration folder belongs to another user.
        return False
    if is_missing:
        return False
    from mxgateway.diagnosis import is_known_gateway  # noqa: PLC0415 - most users have no such file

    return is_known_gateway(endpoint, path)


def _api_key(target: Target) -> ApiKey:
    if target.api_key_file is not None:
        return _key_from_file(target.api_key_file)
    name = target.api_key_env or DEFAULT_API_KEY_VARIABLE
    if not _VARIABLE_NAME.fullmatch(name) or name.lower().startswith("mxgw_"):
        # The message must not show the value, which is most likely the key itself.
        raise click.UsageError("--api-key-env takes the name of an environment variable, never the key itself")
    text = os.environ.get(name, "")
    if not text.strip():
        state = "is empty" if name in os.environ else "is not set"
        # A name that is not in upper case may be a fragment of the key.
        variable = f"variable {name}" if name.isupper() else "variable that --api-key-env names"
        raise click.UsageError(
            f"no API key: the environment {variable} {state}; set it, or give --api-key-env NAME or --api-key-file"
        )
    try:
        return ApiKey(text)
    except ValueError as error:
        problem = str(error)
    raise click.UsageError(f"invalid API key in the environment variable {name}: {problem}")


def _key_from_file(path: str) -> ApiKey:
    try:
        return ApiKey.from_file(Path(path))
    except OSError as error:
        problem = f"cannot read the API key file {path}: {error.strerror or type(error).__name__}"
    except ValueError as error:
        problem = f"invalid API key in the file {path}: {error}"
    raise click.UsageError(problem)
