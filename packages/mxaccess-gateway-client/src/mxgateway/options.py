"""How to reach and trust a gateway, or several: ClientOptions and GatewayEndpoint."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict, Unpack, cast, get_args

from mxgateway._support.validation import check_seconds, normalize_fingerprint, split_endpoint, wrap_api_key
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway.auth import ApiKey
    from mxgateway.profiles import Profile

__all__ = ["ClientOptions", "ClientOptionsFields", "FilePath", "GatewayEndpoint", "Services", "profile_fields"]

FilePath: TypeAlias = str | os.PathLike[str]

Services: TypeAlias = Literal["auto", "gateway", "galaxy"]
"""Which service `connect` asks for: the gateway's own, only the Galaxy, or whichever the server has."""

# Metadata of the fields that make sense only with TLS, and of those of which at most one can be set because each of
# them decides which certificate is trusted.
_TLS: dict[str, bool] = {"tls": True}
_WAY_TO_TRUST: dict[str, bool] = {"tls": True, "way_to_trust": True}

_CLIENT_CERTIFICATE: Final = frozenset({"client_certificate_file", "client_key_file"})

_ENVIRONMENT_PREFIX = "MXGATEWAY_"
_API_KEY_VARIABLE = "MXGATEWAY_API_KEY"
_TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS = frozenset({"", "0", "false", "no", "off"})


class _WrapsApiKey(type):
    """Convert the API key before the generated `__init__` runs, so that none of its frames holds the key as text."""

    if not TYPE_CHECKING:  # type checkers read the arguments from the fields

        def __call__(cls, **given: Any) -> Any:
            wrap_api_key(given)
            return super().__call__(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEndpoint(metaclass=_WrapsApiKey):
    """One of several endpoints in ClientOptions, with the fields in which it differs from the others.

    A field that is None has the value of the same field in ClientOptions, with three exceptions: an endpoint with
    `plaintext=True` uses no TLS field of ClientOptions, one with a `ca_file`, `certificate_fingerprint` or
    `known_gateways_file` of its own trusts in no other way, and a client certificate and its key come from the same
    object.

    Attributes:
        endpoint: `host:port`, as in ClientOptions.
        api_key: the API key for this gateway.
        plaintext: whether to connect to this gateway without TLS.
        ca_file: a PEM file with the certificates to trust.
        server_name_override: the name to expect in this gateway's certificate.
        client_certificate_file: a PEM file with the client's certificate chain.
        client_key_file: a PEM file with the unencrypted private key of `client_certificate_file`.
        certificate_fingerprint: SHA-256 of this gateway's certificate, 64 hex digits; colons are allowed.
        known_gateways_file: a file of known gateways, as in ClientOptions.
        trust_on_first_use: whether to trust this gateway on first use, as in ClientOptions.

    Raises:
        MxGatewayConfigurationError: the API key is invalid. The other fields are checked together with those of the
            ClientOptions.
    """

    endpoint: str
    api_key: ApiKey | str | None = None
    plaintext: bool | None = None
    ca_file: FilePath | None = None
    server_name_override: str | None = None
    client_certificate_file: FilePath | None = None
    client_key_file: FilePath | None = None
    certificate_fingerprint: str | None = None
    known_gateways_file: FilePath | None = None
    trust_on_first_use: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions(metaclass=_WrapsApiKey):
    """How to reach a gateway, or one of several, how to trust it, and how to authenticate to it.

    Attributes:
        endpoint: `host:port`, by convention port 5000 for plaintext and 5001 for TLS. An IPv6 address is written in
            brackets, `[::1]:5001`. Empty if `endpoints` is set.
        endpoints: the gateways of a redundant pair, or more, instead of `endpoint`: each a `host:port`, or a
            GatewayEndpoint whose key or certificate differs from the other fields here. The client uses the first one
            that answers. The first one in the order is the preferred one.
        shuffle_endpoints: use `endpoints` in a random order, which each client draws once, to spread clients over the
            gateways.
        api_key: the API key, as text or as an ApiKey. None sends no key, and a gateway then refuses every call.
        plaintext: connect without TLS. The client never falls back to plaintext by itself.
        ca_file: a PEM file with the certificates to trust instead of the default roots.
        server_name_override: the name to expect in the gateway's certificate instead of the endpoint's host.
        client_certificate_file: a PEM file with the client's certificate chain, for a gateway that requires one.
        client_key_file: a PEM file with the unencrypted private key of `client_certificate_file`.
        certificate_fingerprint: SHA-256 of the gateway's own certificate, 64 hex digits; colons are allowed. If the
            gateway shows another certificate, connecting fails. The name in the certificate is not compared.
        known_gateways_file: a text file with one `host:port` and one SHA-256 fingerprint of 64 hex digits per line.
            Each gateway must show the certificate listed for it, as with `certificate_fingerprint`.
        trust_on_first_use: trust a gateway that is not in `known_gateways_file` yet, add it to the file, and log a
            warning with its fingerprint. The first connection is not protected against a man in the middle; every
            later one is. A gateway that is in the file is never trusted with another certificate.
        services: which service must answer when connecting. "auto" asks the gateway's own service, `MxAccessGateway`,
            and if the server does not have it, as a Historian Gateway, the Galaxy; everything but `client.galaxy` then
            raises MxGatewayProtocolError when it is used. "gateway" requires `MxAccessGateway`. "galaxy" asks only the
            Galaxy.
        timeout: seconds that a call may take unless the call has a timeout of its own.
        connect_timeout: seconds that `connect` waits for the first reply of each gateway.
        close_timeout: seconds that closing a session may take, in `close` and in context managers.
        max_message_bytes: the largest message in bytes, in each direction.
        keepalive_time: seconds without traffic after which the client probes the connection while a call or a stream
            is open. A server ends a connection that is probed too often ("too many pings"); by default a gRPC server
            allows one probe in 300 s.
        keepalive_timeout: seconds after which an unanswered probe ends the connection. A gateway that vanished without
            closing its connection is noticed at most `keepalive_time` plus this time after its last message: after
            330 s by default.
        use_http_proxy: use the proxies in the environment variables `http_proxy` and `https_proxy`. Off by default,
            because company proxies rarely reach the plant network, and never localhost.

    Raises:
        MxGatewayConfigurationError: a field is out of range, or fields contradict each other. The message names the
            field, and the endpoint if it is one of several.
    """

    endpoint: str = ""
    endpoints: Sequence[str | GatewayEndpoint] = ()
    shuffle_endpoints: bool = False
    api_key: ApiKey | str | None = None
    plaintext: bool = False
    ca_file: FilePath | None = field(default=None, metadata=_WAY_TO_TRUST)
    server_name_override: str | None = field(default=None, metadata=_TLS)
    client_certificate_file: FilePath | None = field(default=None, metadata=_TLS)
    client_key_file: FilePath | None = field(default=None, metadata=_TLS)
    certificate_fingerprint: str | None = field(default=None, metadata=_WAY_TO_TRUST)
    known_gateways_file: FilePath | None = field(default=None, metadata=_WAY_TO_TRUST)
    trust_on_first_use: bool = field(default=False, metadata=_TLS)
    services: Services = "auto"
    timeout: float = 30.0
    connect_timeout: float = 10.0
    close_timeout: float = 5.0
    max_message_bytes: int = 16 * 1024 * 1024
    keepalive_time: float = 310.0
    keepalive_timeout: float = 20.0
    use_http_proxy: bool = False

    def __post_init__(self) -> None:
        if self.services not in get_args(Services):
            expected = " or ".join(f'"{name}"' for name in get_args(Services))
            raise MxGatewayConfigurationError(f"invalid services {self.services!r}: use {expected}")
        self._check_numbers()
        self._check_tls()
        if isinstance(self.endpoints, str):
            raise MxGatewayConfigurationError("endpoints must be a list of endpoints, not a str")
        # The class is frozen. A tuple is hashable, and the caller cannot change it afterwards.
        object.__setattr__(self, "endpoints", tuple(self.endpoints))
        if self.endpoints:
            self._check_endpoints()
        else:
            split_endpoint(self.endpoint)

    @classmethod
    def from_env(
        cls, environment: Mapping[str, str] | None = None, /, **changes: Unpack[ClientOptionsFields]
    ) -> ClientOptions:
        """Return options from environment variables: MXGATEWAY_ENDPOINT, MXGATEWAY_API_KEY and so on, one per field.

        Fields given as keywords override the environment. An empty variable counts as not set. Several endpoints are
        separated by commas, in MXGATEWAY_ENDPOINTS or in MXGATEWAY_ENDPOINT.

        Raises:
            MxGatewayConfigurationError: MXGATEWAY_ENDPOINT and MXGATEWAY_ENDPOINTS are both missing or both set, or a
                variable is invalid. The message names the variable.
            TypeError: a keyword is not a field.
        """
        wrap_api_key(changes)
        texts = _variables(os.environ if environment is None else environment)
        # A traceback that shows local variables must not show the whole environment.
        environment = None
        if changes.get("endpoint") or changes.get("endpoints"):
            texts.pop("endpoint", None)
            texts.pop("endpoints", None)
        elif {"endpoint", "endpoints"} <= texts.keys():
            raise MxGatewayConfigurationError(
                "MXGATEWAY_ENDPOINT and MXGATEWAY_ENDPOINTS are both set: set only one of them"
            )
        elif "," in texts.get("endpoint", ""):
            texts["endpoints"] = texts.pop("endpoint")
        values: dict[str, Any] = {}
        for option in fields(cls):
            if option.name in texts and option.name not in changes:
                variable = _ENVIRONMENT_PREFIX + option.name.upper()
                values[option.name] = _from_text(variable, texts[option.name], option.default)
        values.update(changes)
        if not values.get("endpoint") and not values.get("endpoints"):
            raise MxGatewayConfigurationError(
                "no endpoint: set MXGATEWAY_ENDPOINT to host:port, or to several, separated by commas"
            )
        return cls(**values)

    @classmethod
    def from_profile(cls, name: str | None = None, /, **changes: Unpack[ClientOptionsFields]) -> ClientOptions:
        """Return options from a profile, which `mxgw-py profile add` has saved in the user's configuration folder.

        Without a name, the profile is that of MXGATEWAY_PROFILE, or else the default one. The API key is read from
        where the profile says it is: an environment variable, a file, or the system's keyring (extra `keyring`). If the
        profile does not say it, the key is that of MXGATEWAY_API_KEY, if set. Fields given as keywords override the
        profile; with `api_key` no key is looked up. Other variables of the environment have no effect.

        Raises:
            MxGatewayConfigurationError: there is no such profile, the file of profiles or the profile is invalid, or
                there is no key where the profile says. The message names the file and the profile.
            TypeError: a keyword is not a field.
        """
        wrap_api_key(changes)
        from mxgateway.profiles import ApiKeySource, ProfileFile, select_profile  # noqa: PLC0415 - few programs do

        profile = select_profile(name)
        if profile is None:
            raise ProfileFile.read().no_profile()
        values: dict[str, Any] = {**profile_fields(profile)}
        if changes.get("endpoint") or changes.get("endpoints"):
            values = {field: value for field, value in values.items() if field not in {"endpoint", "endpoints"}}
        values.update(changes)
        if "api_key" not in changes:
            source = profile.key
            if source is None and os.environ.get(_API_KEY_VARIABLE, "").strip():
                source = ApiKeySource(kind="environment", name=_API_KEY_VARIABLE)
            values["api_key"] = None if source is None else profile.read_key(source)
        return cls(**values)

    def by_endpoint(self) -> tuple[ClientOptions, ...]:
        """Return the options of each endpoint by itself, in the given order; without `endpoints` only these options."""
        return tuple(map(self._of_endpoint, self.endpoints)) or (self,)

    def _of_endpoint(self, given: str | GatewayEndpoint) -> ClientOptions:
        own: dict[str, Any] = {"endpoint": given} if isinstance(given, str) else _given(given)
        tls = [option for option in fields(self) if "tls" in option.metadata]
        ways = [option.name for option in tls if "way_to_trust" in option.metadata]
        dropped: set[str] = set()
        if own.get("plaintext"):
            dropped = {option.name for option in tls}
        if own.keys() & ways:
            dropped |= {*ways, "trust_on_first_use"}
        if own.keys() & _CLIENT_CERTIFICATE:
            dropped |= _CLIENT_CERTIFICATE
        changes: dict[str, Any] = {option.name: option.default for option in tls if option.name in dropped}
        changes.update(own)
        return replace(self, endpoints=(), **changes)

    def _check_endpoints(self) -> None:
        if self.endpoint:
            raise MxGatewayConfigurationError("endpoint and endpoints are both set: set only one of them")
        seen: set[tuple[str, int]] = set()
        for each in self.endpoints:
            endpoint = each if isinstance(each, str) else each.endpoint
            host, port = split_endpoint(endpoint)
            if (host.lower(), port) in seen:
                raise MxGatewayConfigurationError(f"endpoints has {endpoint} twice")
            seen.add((host.lower(), port))
            problem = None
            try:
                self._of_endpoint(each)
            except MxGatewayConfigurationError as error:
                problem = error.summary
            if problem is not None:
                raise MxGatewayConfigurationError(f"endpoint {endpoint}: {problem}")

    def _check_numbers(self) -> None:
        for name in ("timeout", "connect_timeout", "close_timeout", "keepalive_time", "keepalive_timeout"):
            check_seconds(name, getattr(self, name))
        if not 1024 <= self.max_message_bytes < 2**31:
            raise MxGatewayConfigurationError(
                f"max_message_bytes {self.max_message_bytes} is not between 1024 and 2147483647"
            )

    def _check_tls(self) -> None:
        given = [option for option in fields(self) if getattr(self, option.name) not in (None, False)]
        tls = [option.name for option in given if "tls" in option.metadata]
        if self.plaintext and tls:
            raise MxGatewayConfigurationError(
                f"plaintext=True cannot be combined with {' and '.join(tls)}: remove plaintext=True or the TLS options"
            )
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            raise MxGatewayConfigurationError(
                "client_certificate_file and client_key_file belong together: set both or neither"
            )
        if self.certificate_fingerprint is not None and normalize_fingerprint(self.certificate_fingerprint) is None:
            raise MxGatewayConfigurationError("certificate_fingerprint is not a SHA-256 fingerprint of 64 hex digits")
        ways = [option.name for option in given if "way_to_trust" in option.metadata]
        if len(ways) > 1:
            raise MxGatewayConfigurationError(f"{ways[0]} and {ways[1]} are two ways to trust: set only one of them")
        if self.trust_on_first_use and self.known_gateways_file is None:
            contradiction = f", and cannot be combined with {ways[0]}" if ways else ""
            raise MxGatewayConfigurationError(f"trust_on_first_use needs a known_gateways_file{contradiction}")


class ClientOptionsFields(TypedDict, total=False):
    """The fields of ClientOptions as keywords."""

    endpoint: str
    endpoints: Sequence[str | GatewayEndpoint]
    shuffle_endpoints: bool
    api_key: ApiKey | str | None
    plaintext: bool
    ca_file: FilePath | None
    server_name_override: str | None
    client_certificate_file: FilePath | None
    client_key_file: FilePath | None
    certificate_fingerprint: str | None
    known_gateways_file: FilePath | None
    trust_on_first_use: bool
    services: Services
    timeout: float
    connect_timeout: float
    close_timeout: float
    max_message_bytes: int
    keepalive_time: float
    keepalive_timeout: float
    use_http_proxy: bool


def profile_fields(profile: Profile) -> ClientOptionsFields:
    """Return the fields that a profile sets, without the API key.

    Raises:
        MxGatewayConfigurationError: a field is out of range, or fields contradict each other. The message names the
            profile and its file.
    """
    values: dict[str, Any] = dict(profile.settings)
    problem = None
    try:
        if "endpoints" in values:
            values["endpoints"] = [
                each if isinstance(each, str) else GatewayEndpoint(**each) for each in values["endpoints"]
            ]
        ClientOptions(**values)
    except MxGatewayConfigurationError as error:
        problem = error.summary
    if problem is not None:
        raise profile.error(problem)
    return cast("ClientOptionsFields", values)


def _given(endpoint: GatewayEndpoint) -> dict[str, Any]:
    """Return the fields of an endpoint that are set."""
    values = {option.name: getattr(endpoint, option.name) for option in fields(endpoint)}
    return {name: value for name, value in values.items() if value is not None}


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each field whose variable is set."""
    names = [option.name for option in fields(ClientOptions)]
    found = {name: environment.get(_ENVIRONMENT_PREFIX + name.upper(), "").strip() for name in names}
    return {name: Secret(text) if name == "api_key" else text for name, text in found.items() if text}


def _from_text(name: str, text: str, default: object) -> object:
    """Convert an environment variable to the type of the field's default."""
    if isinstance(default, bool):
        if text.lower() in _TRUE_WORDS | _FALSE_WORDS:
            return text.lower() in _TRUE_WORDS
        raise MxGatewayConfigurationError(f"invalid {name} {text!r}: use 1 or 0")
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(","))
    if isinstance(default, (int, float)):
        try:
            return type(default)(text)
        except ValueError:
            expected = "a whole number" if isinstance(default, int) else "a number of seconds"
        raise MxGatewayConfigurationError(f"invalid {name} {text!r}: expected {expected}")
    return text
