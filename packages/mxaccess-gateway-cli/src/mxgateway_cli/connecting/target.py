"""The connection options, and how they combine to the gateway that a command talks to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click
from click.core import ParameterSource

from mxgateway_cli.connecting.api_key import choose_api_key
from mxgateway_cli.connecting.profile_names import complete_profiles
from mxgateway_cli.help import option
from mxgateway_cli.input.quantities import DURATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mxgateway.options import ClientOptionsFields, GatewayEndpoint

__all__ = [
    "DEFAULT_API_KEY_VARIABLE",
    "DEFAULT_TIMEOUT_SECONDS",
    "TLS_FIELDS",
    "TRUST_FIELDS",
    "Target",
    "connection_options",
    "gateway_options",
]

DEFAULT_API_KEY_VARIABLE: Final = "MXGATEWAY_API_KEY"
DEFAULT_TIMEOUT_SECONDS: Final = 30.0

_SECTION = "Connection"
_ENDPOINTS_VARIABLE: Final = "MXGATEWAY_ENDPOINTS"

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _TlsOption:
    """An option that has a meaning only with TLS. It sets the field of ClientOptions with the same name.

    Attributes:
        flag: The option.
        help: Its help text.
        metavar: The placeholder of its value, or None for an option without a value.
        trust: The way to trust a gateway that the option belongs to, or None. Options of different ways exclude each
            other.
    """

    flag: str
    help: str
    metavar: str | None = None
    trust: str | None = None

    @property
    def field(self) -> str:
        """The name of the field in ClientOptions."""
        return self.flag.removeprefix("--").replace("-", "_")

    def declare(self, function: FunctionT) -> FunctionT:
        """Declare the option."""
        return option(self.flag, section=_SECTION, metavar=self.metavar, is_flag=self.metavar is None, help=self.help)(
            function
        )


# The only place that lists the TLS options of the command line.
_TLS_OPTIONS = (
    _TlsOption(flag="--ca-file", trust="CA", metavar="FILE", help="PEM file with the CA certificates to trust."),
    _TlsOption(
        flag="--server-name-override",
        metavar="NAME",
        help="Name to expect in the gateway's certificate instead of the endpoint's host.",
    ),
    _TlsOption(
        flag="--client-certificate-file",
        metavar="FILE",
        help="PEM file with this client's certificate, if the gateway requires one.",
    ),
    _TlsOption(flag="--client-key-file", metavar="FILE", help="PEM file with the private key of that certificate."),
    _TlsOption(
        flag="--certificate-fingerprint",
        trust="fingerprint",
        metavar="SHA256",
        help="Trust only the certificate with this SHA-256 fingerprint, 64 hex digits.",
    ),
    _TlsOption(
        flag="--known-gateways-file",
        trust="known gateways",
        metavar="FILE",
        help="Trust the gateways in this file, which holds host:port and the SHA-256 fingerprint of each gateway's "
        "certificate.  [default: known_gateways in mxgw-py's configuration folder, for the gateways that are in it]",
    ),
    _TlsOption(
        flag="--trust-on-first-use",
        trust="known gateways",
        help="Trust a gateway that is not in that file yet, show its certificate's fingerprint and add it to the file.",
    ),
)
TLS_FIELDS: Final = tuple(each.field for each in _TLS_OPTIONS)
TRUST_FIELDS: Final = tuple(each.field for each in _TLS_OPTIONS if each.trust is not None)

_PROFILE = option(
    "--profile",
    section=_SECTION,
    metavar="NAME",
    shell_complete=complete_profiles,
    help="Use the settings of this profile; other options and the environment override them.  "
    "[default: the profile chosen with profile use]",
)
_DECLARATIONS: tuple[Callable[[Any], Any], ...] = (
    option(
        "--endpoint",
        section=_SECTION,
        metavar="HOST:PORT",
        help="The gateway, for example localhost:5000. Several, separated by commas: the first one that answers.",
    ),
    option(
        "--api-key-env",
        section=_SECTION,
        metavar="NAME",
        help=f"Environment variable that holds the API key.  [default: {DEFAULT_API_KEY_VARIABLE}]",
    ),
    option("--api-key-file", section=_SECTION, metavar="FILE", help="Text file that holds the API key instead."),
    option("--plaintext", section=_SECTION, is_flag=True, help="Connect without TLS, by convention to port 5000."),
    option(
        "--tls",
        section=_SECTION,
        is_flag=True,
        help="Connect with TLS, by convention to port 5001. This is the default.",
    ),
    *(each.declare for each in _TLS_OPTIONS),
    option(
        "--timeout",
        section=_SECTION,
        type=DURATION,
        metavar="TIME",
        default=DEFAULT_TIMEOUT_SECONDS,
        show_default=f"{DEFAULT_TIMEOUT_SECONDS:g}s",
        help="Maximum duration of each call and of each wait, for example 500ms or 1m.",
    ),
)

_NAMES: Final = ("profile", "endpoint", "api_key_env", "api_key_file", "plaintext", "tls", "timeout", *TLS_FIELDS)


def connection_options(function: FunctionT) -> FunctionT:
    """Declare the options that `Target.from_parameters` reads."""
    return _PROFILE(gateway_options(function))


def gateway_options(function: FunctionT) -> FunctionT:
    """Declare the same options except for `--profile`."""
    for declare in reversed(_DECLARATIONS):
        function = declare(function)
    return function


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The gateway named by the command line and the environment. The command line overrides the environment.

    Attributes:
        endpoints: The gateways, of which the first one that answers is used. Empty if none was given.
        fields: The other fields of ClientOptions that have an option of their own.
        api_key_env: The environment variable that holds the API key, or None if a file does.
        api_key_file: The text file that holds the key, or None.
        time_limit: The timeout if it is on the command line, or None.
        profile: The name of the profile to use, or None for the default one.
        origins: The option or the variable that gives each setting, such as "--timeout" for "timeout". The names are
            those of the options. A setting that was not given is missing.
    """

    endpoints: tuple[str | GatewayEndpoint, ...]
    fields: ClientOptionsFields
    api_key_env: str | None
    api_key_file: str | None
    time_limit: float | None
    profile: str | None
    origins: Mapping[str, str]

    @classmethod
    def from_parameters(cls, context: click.Context, parameters: dict[str, Any]) -> Target:
        """Remove the connection options from a command's parameters and create a Target from them.

        Raises:
            click.UsageError: Two options contradict each other.
        """
        sources = _Sources(context)
        origins = {name: sources.origin(name) for name in _NAMES if parameters.get(name) and sources.is_given(name)}
        plaintext = _choose_plaintext(sources, plaintext=parameters.pop("plaintext"), tls=parameters.pop("tls"))
        tls_fields = {name: parameters.pop(name) or None for name in TLS_FIELDS}
        if plaintext:
            _drop_tls_fields(sources, tls_fields)
        _choose_trust(sources, tls_fields)
        variable, api_key_file = choose_api_key(context, parameters)
        timeout: float = parameters.pop("timeout")
        fields = {"plaintext": plaintext, "timeout": timeout, **tls_fields}
        fields["trust_on_first_use"] = bool(tls_fields["trust_on_first_use"])
        endpoints = parameters.pop("endpoint") or ""
        if not endpoints and os.environ.get(_ENDPOINTS_VARIABLE):
            endpoints, origins["endpoint"] = os.environ[_ENDPOINTS_VARIABLE], _ENDPOINTS_VARIABLE
        return cls(
            endpoints=tuple(part.strip() for part in endpoints.split(",") if part.strip()),
            fields=cast("ClientOptionsFields", fields),
            api_key_env=variable if api_key_file is not None else variable or DEFAULT_API_KEY_VARIABLE,
            api_key_file=api_key_file,
            time_limit=timeout if sources.is_on_command_line("timeout") else None,
            profile=(parameters.pop("profile", None) or "").strip() or None,
            origins={name: origin for name, origin in origins.items() if tls_fields.get(name, True)},
        )

    @property
    def timeout(self) -> float:
        """Seconds that a call or a wait may take."""
        return self.fields.get("timeout", DEFAULT_TIMEOUT_SECONDS)

    @property
    def uses_default_trust(self) -> bool:
        """Whether the connection uses TLS and no option says which certificate to trust."""
        has_choice = any(self.fields.get(name) for name in TRUST_FIELDS)
        return not has_choice and not self.fields.get("plaintext")


class _Sources:
    """Where the values of the options come from: the command line, the environment, or the defaults."""

    def __init__(self, context: click.Context) -> None:
        self._context = context

    def is_on_command_line(self, name: str) -> bool:
        """Return whether an option is on the command line."""
        return self._context.get_parameter_source(name) is ParameterSource.COMMANDLINE

    def is_given(self, name: str) -> bool:
        """Return whether an option is on the command line or in the environment."""
        source = self._context.get_parameter_source(name)
        return source in {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}

    def origin(self, name: str) -> str:
        """Return the option or the environment variable that gives a value."""
        return _flag(name) if self.is_on_command_line(name) else f"MXGATEWAY_{name.upper()}"


def _choose_plaintext(sources: _Sources, *, plaintext: bool, tls: bool) -> bool:
    if plaintext and tls and sources.is_on_command_line("plaintext") == sources.is_on_command_line("tls"):
        raise click.UsageError("--plaintext and --tls contradict each other: give only one of them")
    return plaintext and not (tls and sources.is_on_command_line("tls"))


def _drop_tls_fields(sources: _Sources, fields: dict[str, Any]) -> None:
    """Ignore TLS options of the environment if `--plaintext` is on the command line; reject all others."""
    for name, value in fields.items():
        if value is None:
            continue
        if sources.is_on_command_line(name) or not sources.is_on_command_line("plaintext"):
            raise click.UsageError(f"--plaintext and {_flag(name)} contradict each other: give only one of them")
        fields[name] = None


def _choose_trust(sources: _Sources, fields: dict[str, Any]) -> None:
    """Leave only one way to trust a gateway; the command line overrides the environment."""
    given: dict[str, list[str]] = {}
    for each in _TLS_OPTIONS:
        if each.trust is not None and fields[each.field]:
            given.setdefault(each.trust, []).append(each.field)
    on_command_line = [names for names in given.values() if any(map(sources.is_on_command_line, names))]
    if on_command_line:
        for names in given.values():
            if names not in on_command_line:
                fields |= dict.fromkeys(names)
    chosen = on_command_line or list(given.values())
    if len(chosen) > 1:
        first, second = (_flag(names[0]) for names in chosen[:2])
        raise click.UsageError(f"{first} and {second} are different ways to trust a gateway: give only one of them")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
