"""Which gateway a command talks to, and how: the connection options, and what they mean together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from mxgateway_cli.help import option

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT_API_KEY_VARIABLE", "DEFAULT_TIMEOUT", "Target", "connection_options"]

DEFAULT_API_KEY_VARIABLE: Final = "MXGATEWAY_API_KEY"
DEFAULT_TIMEOUT: Final = 30.0

_SECTION = "Connection"
_TLS_OPTIONS = (
    "ca_file",
    "server_name_override",
    "client_certificate_file",
    "client_key_file",
    "certificate_fingerprint",
    "known_gateways_file",
    "trust_on_first_use",
)
# What belongs together is one way to trust a gateway.
_WAYS_TO_TRUST = (("ca_file",), ("certificate_fingerprint",), ("trust_on_first_use", "known_gateways_file"))

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

_OPTIONS = (
    option("--endpoint", section=_SECTION, metavar="HOST:PORT", help="The gateway, for example localhost:5000."),
    option(
        "--api-key-env",
        section=_SECTION,
        metavar="NAME",
        help=f"The environment variable that holds the API key.  [default: {DEFAULT_API_KEY_VARIABLE}]",
    ),
    option("--api-key-file", section=_SECTION, metavar="FILE", help="A text file that holds the API key instead."),
    option("--plaintext", section=_SECTION, is_flag=True, help="Without TLS; by convention on port 5000."),
    option("--tls", section=_SECTION, is_flag=True, help="With TLS, by convention on port 5001. This is the default."),
    option("--ca-file", section=_SECTION, metavar="FILE", help="The PEM file with the certificates to trust."),
    option(
        "--server-name-override",
        section=_SECTION,
        metavar="NAME",
        help="The name to expect in the gateway's certificate instead of the endpoint's host.",
    ),
    option(
        "--client-certificate-file",
        section=_SECTION,
        metavar="FILE",
        help="The PEM file with this client's certificate, for a gateway that asks for one.",
    ),
    option("--client-key-file", section=_SECTION, metavar="FILE", help="The PEM file with its private key."),
    option(
        "--certificate-fingerprint",
        section=_SECTION,
        metavar="SHA256",
        help="Trust exactly the certificate with this SHA-256 fingerprint, 64 hex digits.",
    ),
    option(
        "--known-gateways-file",
        section=_SECTION,
        metavar="FILE",
        help="Trust what stands in this file: host:port and the SHA-256 fingerprint of each gateway's certificate.  "
        "[default with --trust-on-first-use: known_gateways in mxgw-py's folder of your configuration]",
    ),
    option(
        "--trust-on-first-use",
        section=_SECTION,
        is_flag=True,
        help="Trust a gateway that isn't in that file yet, show its certificate's fingerprint and write it down there.",
    ),
    option(
        "--timeout",
        section=_SECTION,
        type=float,
        metavar="SECONDS",
        default=DEFAULT_TIMEOUT,
        show_default=f"{DEFAULT_TIMEOUT:g}",
        help="How long one call, and one wait, may take.",
    ),
)


def connection_options(function: FunctionT) -> FunctionT:
    """Declare the options that a Target is made from."""
    for declare in reversed(_OPTIONS):
        function = declare(function)
    return function


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A gateway as the command line and the environment name it; the command line goes before the environment.

    Attributes:
        endpoint: `host:port`.
        api_key_env: the environment variable that holds the API key, or None when a file does.
        api_key_file: the text file that holds the key.
        plaintext: without TLS.
        timeout: seconds that one call or one wait may take.
        timeout_given: whether somebody asked for this timeout.
    """

    endpoint: str | None
    api_key_env: str | None
    api_key_file: str | None
    plaintext: bool
    ca_file: str | None
    server_name_override: str | None
    client_certificate_file: str | None
    client_key_file: str | None
    certificate_fingerprint: str | None
    known_gateways_file: str | None
    trust_on_first_use: bool
    timeout: float
    timeout_given: bool

    @classmethod
    def taken_from(cls, context: click.Context, parameters: dict[str, Any]) -> Target:
        """Take the connection options out of a command's parameters.

        Raises:
            click.UsageError: two of them contradict each other.
        """
        names = {field.name for field in fields(cls)} & parameters.keys()
        taken: dict[str, Any] = {name: parameters.pop(name) or None for name in names}
        tls_asked_for = bool(parameters.pop("tls"))
        given = _Given(context)
        taken["timeout_given"] = given.by_anybody("timeout")
        taken["timeout"] = taken["timeout"] or 0.0
        taken["plaintext"] = _choose_plaintext(given, plaintext=bool(taken["plaintext"]), tls=tls_asked_for)
        if taken["plaintext"]:
            _drop_tls_options(given, taken)
        _choose_trust(given, taken)
        taken["trust_on_first_use"] = bool(taken["trust_on_first_use"])
        _choose_key(given, taken)
        return cls(**taken)

    @property
    def time_limit(self) -> float | None:
        """The timeout, when somebody asked for one."""
        return self.timeout if self.timeout_given else None


class _Given:
    """Who gave an option: the command line, the environment, or nobody."""

    def __init__(self, context: click.Context) -> None:
        self._context = context

    def here(self, name: str) -> bool:
        """On the command line."""
        return self._context.get_parameter_source(name) is ParameterSource.COMMANDLINE

    def by_anybody(self, name: str) -> bool:
        """On the command line or in the environment."""
        return self.here(name) or self._context.get_parameter_source(name) is ParameterSource.ENVIRONMENT


def _choose_plaintext(given: _Given, *, plaintext: bool, tls: bool) -> bool:
    if plaintext and tls and given.here("plaintext") == given.here("tls"):
        raise click.UsageError("--plaintext and --tls contradict each other: give one of them")
    return plaintext and not (tls and given.here("tls"))


def _drop_tls_options(given: _Given, taken: dict[str, Any]) -> None:
    """With plaintext on the command line the environment's TLS options don't count; otherwise they contradict it."""
    for name in _TLS_OPTIONS:
        if taken[name] is None:
            continue
        if given.here(name) or not given.here("plaintext"):
            raise click.UsageError(
                f"--plaintext has no TLS, but --{name.replace('_', '-')} asks for it: drop the one or the other"
            )
        taken[name] = None


def _choose_trust(given: _Given, taken: dict[str, Any]) -> None:
    """With a way to trust on the command line those of the environment don't count; two from one place contradict."""
    asked_for = [names for names in _WAYS_TO_TRUST if any(taken[name] for name in names)]
    here = [names for names in asked_for if any(taken[name] and given.here(name) for name in names)]
    if here:
        for name in (name for names in asked_for if names not in here for name in names):
            taken[name] = None
    ways = here or asked_for
    if len(ways) > 1:
        flags = [f"--{next(name for name in names if taken[name]).replace('_', '-')}" for names in ways]
        raise click.UsageError(f"{flags[0]} and {flags[1]} are two ways to trust: give one of them")


def _choose_key(given: _Given, taken: dict[str, Any]) -> None:
    if taken["api_key_file"] and taken["api_key_env"] and given.here("api_key_file") == given.here("api_key_env"):
        raise click.UsageError("--api-key-file and --api-key-env both name a key: give one of them")
    if taken["api_key_env"] and (taken["api_key_file"] is None or given.here("api_key_env")):
        taken["api_key_file"] = None
    elif taken["api_key_file"]:
        taken["api_key_env"] = None
    else:
        taken["api_key_env"] = DEFAULT_API_KEY_VARIABLE
