"""The settings of a profile, for everything that neither the command line nor the environment sets."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import click

from mxgateway import GatewayEndpoint
from mxgateway.options import profile_fields
from mxgateway_cli.connecting.target import DEFAULT_API_KEY_VARIABLE, TLS_FIELDS, TRUST_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mxgateway.options import ClientOptionsFields
    from mxgateway.profiles import Profile
    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Diagnostics

__all__ = ["gives_key", "warn_about_environment", "with_profile"]

_CERTIFICATE_FIELDS: Final = ("client_certificate_file", "client_key_file")
# TLS fields that belong together: where one of them is given, the profile sets none of them.
_TLS_GROUPS: Final = (TRUST_FIELDS, _CERTIFICATE_FIELDS, ("server_name_override",))
_HANDLED: Final = frozenset({"endpoint", "endpoints", "plaintext", *TLS_FIELDS})


def with_profile(target: Target, profile: Profile) -> Target:
    """Return a target with the settings of a profile in addition to its own.

    Raises:
        click.UsageError: The options and the profile contradict each other.
        MxGatewayConfigurationError: The profile is invalid.
    """
    settings = cast("dict[str, Any]", profile_fields(profile))
    given = target.origins
    fields = cast("dict[str, Any]", dict(target.fields))
    taken = [name for name in settings if name not in _HANDLED and name not in given and not _variable_is_set(name)]
    if not {"plaintext", "tls"} & given.keys():
        fields["plaintext"] = _plaintext(settings, given, profile)
        taken += ["plaintext"] if "plaintext" in settings else []
    if not fields["plaintext"]:
        taken += [name for group in _TLS_GROUPS if given.keys().isdisjoint(group) for name in group if name in settings]
    fields |= {name: settings[name] for name in taken}
    endpoints = target.endpoints
    if not endpoints:
        endpoints = _endpoints(settings, by_name_only=not given.keys().isdisjoint({"plaintext", "tls", *TLS_FIELDS}))
        taken.append("endpoint")
    origin = f"profile {profile.name}"
    origins = {**given, **dict.fromkeys(taken, origin)}
    if gives_key(profile, target):
        origins["api_key"] = origin
    return replace(target, endpoints=endpoints, fields=cast("ClientOptionsFields", fields), origins=origins)


def gives_key(profile: Profile, target: Target) -> bool:
    """Return whether the API key is the one that a profile names."""
    if profile.key is None or not target.origins.keys().isdisjoint({"api_key_env", "api_key_file"}):
        return False
    return not _variable_is_set("api_key")


def warn_about_environment(target: Target, profile: Profile, diagnostics: Diagnostics) -> None:
    """Warn if the command line names a profile, but the environment names another gateway or key."""
    if target.origins.get("profile") != "--profile":
        return
    endpoints = _endpoints(cast("dict[str, Any]", profile_fields(profile)), by_name_only=True)
    variables = [target.origins.get("endpoint", "") if target.endpoints != endpoints else ""]
    if profile.key is not None:
        variables += [target.origins.get(name, "") for name in ("api_key_env", "api_key_file")]
        variables += [DEFAULT_API_KEY_VARIABLE] if not any(variables[1:]) and _variable_is_set("api_key") else []
    names = [name for name in variables if name and not name.startswith("--")]
    if names:
        verb = "overrides" if len(names) == 1 else "override"
        diagnostics.warning(f"{' and '.join(names)} in the environment {verb} the profile {profile.name}")


def _plaintext(settings: dict[str, Any], given: Iterable[str], profile: Profile) -> bool:
    plaintext = bool(settings.get("plaintext"))
    options = [name for name in given if name in TLS_FIELDS]
    if plaintext and options:
        flag = f"--{options[0].replace('_', '-')}"
        raise click.UsageError(f"{flag} needs TLS, but the profile {profile.name} has plaintext = true: give --tls too")
    return plaintext


def _endpoints(settings: dict[str, Any], *, by_name_only: bool) -> tuple[str | GatewayEndpoint, ...]:
    """Return the endpoints of a profile. Options for TLS apply to all of them and replace what each has by itself."""
    endpoints: list[str | GatewayEndpoint] = list(settings.get("endpoints") or [settings["endpoint"]])
    if not by_name_only:
        return tuple(endpoints)
    return tuple(each.endpoint if isinstance(each, GatewayEndpoint) else each for each in endpoints)


def _variable_is_set(field: str) -> bool:
    return bool(os.environ.get(f"MXGATEWAY_{field.upper()}", "").strip())
