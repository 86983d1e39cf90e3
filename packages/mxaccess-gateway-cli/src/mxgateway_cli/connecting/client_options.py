"""ClientOptions of a target, with the settings of its profile."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxgateway import ClientOptions, GatewayEndpoint
from mxgateway.profiles import ApiKeySource, configuration_folder, select_profile
from mxgateway_cli.connecting.api_key import read_api_key
from mxgateway_cli.connecting.settings import Setting, settings_of
from mxgateway_cli.connecting.target import DEFAULT_API_KEY_VARIABLE, TRUST_FIELDS
from mxgateway_cli.connecting.with_profile import gives_key, warn_about_environment, with_profile

if TYPE_CHECKING:
    from mxgateway import ApiKey
    from mxgateway.options import ClientOptionsFields, FilePath
    from mxgateway.profiles import Profile
    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Diagnostics

__all__ = ["ResolvedTarget", "resolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTarget:
    """The options for a gateway, from the command line, the environment and a profile.

    Attributes:
        options: The client's options.
        settings: What they consist of, and where each setting is from.
        time_limit: The timeout if it is on the command line, or None.
    """

    options: ClientOptions
    settings: tuple[Setting, ...]
    time_limit: float | None


def resolve(target: Target, diagnostics: Diagnostics) -> ResolvedTarget:
    """Return the client's options for a target, with the settings of its profile.

    `from_env` reads the fields without an option from the environment.

    Raises:
        click.UsageError: The endpoint or the API key is missing, or a file cannot be used.
        MxGatewayConfigurationError: An option or the profile is invalid, or the key of the profile cannot be found.
    """
    profile = select_profile(target.profile)
    key_profile: Profile | None = None
    if profile is not None:
        warn_about_environment(target, profile, diagnostics)
        key_profile = profile if gives_key(profile, target) else None
        target = with_profile(target, profile)
    if not target.endpoints:
        raise click.UsageError(
            "no endpoint: give --endpoint HOST:PORT, set MXGATEWAY_ENDPOINT, or name a profile with --profile"
        )
    api_key = _api_key(target) if key_profile is None else key_profile.read_key()
    key_source = _key_source(target) if key_profile is None else key_profile.key
    diagnostics.protect(api_key)
    fields = target.fields.copy()
    fields["api_key"] = api_key
    _set_endpoints(fields, target)
    options = ClientOptions.from_env(**fields)
    origins = dict(target.origins)
    if "timeout" in origins and "connect_timeout" not in origins and not os.environ.get("MXGATEWAY_CONNECT_TIMEOUT"):
        options = replace(options, connect_timeout=min(options.connect_timeout, target.timeout))
        origins["connect_timeout"] = origins["timeout"]
    settings = settings_of(options, origins, str(key_source))
    for setting in settings if diagnostics.debug else ():
        diagnostics.detail(f"setting: {setting}")
    return ResolvedTarget(options=options, settings=settings, time_limit=target.time_limit)


def _set_endpoints(fields: ClientOptionsFields, target: Target) -> None:
    """Set the fields for endpoints, each of which has its file of known gateways or trusts in another way."""
    gateways = [_with_known_gateways(target, each) for each in target.endpoints]
    files = {each.known_gateways_file for each in gateways}
    if len(files) > 1 or any(isinstance(each, GatewayEndpoint) for each in target.endpoints):
        fields["endpoints"] = gateways
        return
    fields["known_gateways_file"] = files.pop()
    first, *others = (each.endpoint for each in gateways)
    if others:
        fields["endpoints"] = [first, *others]
    else:
        fields["endpoint"] = first


def _with_known_gateways(target: Target, gateway: str | GatewayEndpoint) -> GatewayEndpoint:
    """Return an endpoint with the file of known gateways by which it is trusted, if it is trusted in that way."""
    if isinstance(gateway, str):
        gateway = GatewayEndpoint(endpoint=gateway)
    if gateway.plaintext or any(getattr(gateway, name) for name in TRUST_FIELDS):
        return gateway
    return replace(gateway, known_gateways_file=_known_gateways_file(target, gateway.endpoint))


def _known_gateways_file(target: Target, endpoint: str) -> FilePath | None:
    """Return the file whose certificates are trusted, or None if the gateway is trusted in another way.

    Without an option, a gateway that was remembered on its first use is still trusted by its fingerprint only.
    """
    path = target.fields.get("known_gateways_file")
    if path is not None:
        return path
    folder = configuration_folder()
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


def _key_source(target: Target) -> ApiKeySource:
    if target.api_key_file is not None:
        return ApiKeySource(kind="file", name=target.api_key_file)
    return ApiKeySource(kind="environment", name=target.api_key_env or DEFAULT_API_KEY_VARIABLE)


def _api_key(target: Target) -> ApiKey:
    return read_api_key(target.api_key_env or DEFAULT_API_KEY_VARIABLE, target.api_key_file)
