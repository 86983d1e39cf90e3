"""ClientOptions: how to reach a gateway."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from mxgateway._support.validation import check_seconds, normal_fingerprint, split_endpoint, take_key
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.auth import ApiKey

__all__ = ["ClientOptions", "ClientOptionsFields", "FilePath"]

FilePath: TypeAlias = str | os.PathLike[str]
_WAYS_TO_TRUST = ("certificate_fingerprint", "known_gateways_file", "ca_file")
_TLS_FIELDS = (
    "ca_file",
    "server_name_override",
    "client_certificate_file",
    "client_key_file",
    "certificate_fingerprint",
    "known_gateways_file",
    "trust_on_first_use",
)
_ENVIRONMENT_PREFIX = "MXGATEWAY_"
_TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS = frozenset({"", "0", "false", "no", "off"})


class _TakesKeys(type):
    """Takes the key before the fields are looked at."""

    if not TYPE_CHECKING:  # for whom the fields are the arguments

        def __call__(cls, **given: Any) -> Any:
            take_key(given)
            return super().__call__(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions(metaclass=_TakesKeys):
    """How to reach a gateway and how to prove who asks.

    Attributes:
        endpoint: `host:port`, by convention port 5000 for plaintext and 5001 for TLS; an IPv6 address stands in
            brackets, `[::1]:5001`.
        api_key: the key, as text or as an ApiKey; None sends none, which a gateway refuses.
        plaintext: without TLS. Never a fall-back: it is used exactly when asked for.
        ca_file: a PEM file with the certificates to trust instead of the default roots.
        server_name_override: the name to expect in the gateway's certificate instead of the endpoint's host.
        client_certificate_file: a PEM file with the client's certificate chain, for a gateway that asks for one.
        client_key_file: the PEM file with its unencrypted private key.
        certificate_fingerprint: SHA-256 of the gateway's own certificate, 64 hex digits, colons allowed. The
            connection is refused when the gateway shows another one; the name in the certificate is not compared.
        known_gateways_file: a text file with the fingerprint of each gateway's certificate, `host:port` and 64 hex
            digits a line. Each gateway must show what stands there, as with `certificate_fingerprint`.
        trust_on_first_use: whether a gateway that isn't in `known_gateways_file` is trusted and written down there,
            with a warning in the log that shows its fingerprint. The first connection is then not protected against
            somebody in between, every later one is. A gateway that is known is never trusted with another certificate.
        timeout: seconds that a call may take unless it says otherwise.
        connect_timeout: seconds that `connect` waits for the gateway's answer.
        close_timeout: seconds that closing a session in `close` and in context managers may take.
        max_message_bytes: the largest message in bytes, each way.
        keepalive_time: seconds of silence after which the connection is probed while a call or a stream is open.
            Servers end connections that are probed more often than they allow ("too many pings"); a gRPC server allows
            one in 300 s by default.
        keepalive_timeout: seconds until an unanswered probe ends the connection. A gateway that vanished without a word
            is noticed at the latest `keepalive_time` and this after its last one: after 330 s by default.
        use_http_proxy: whether `http_proxy` and `https_proxy` of the environment count. Off, because company proxies
            rarely know the plant network, and never localhost.

    Raises:
        MxGatewayConfigurationError: a field is out of its range, or fields contradict each other. The text names it.
    """

    endpoint: str
    api_key: ApiKey | str | None = None
    plaintext: bool = False
    ca_file: FilePath | None = None
    server_name_override: str | None = None
    client_certificate_file: FilePath | None = None
    client_key_file: FilePath | None = None
    certificate_fingerprint: str | None = None
    known_gateways_file: FilePath | None = None
    trust_on_first_use: bool = False
    timeout: float = 30.0
    connect_timeout: float = 10.0
    close_timeout: float = 5.0
    max_message_bytes: int = 16 * 1024 * 1024
    keepalive_time: float = 310.0
    keepalive_timeout: float = 20.0
    use_http_proxy: bool = False

    def __post_init__(self) -> None:
        split_endpoint(self.endpoint)
        self._check_numbers()
        self._check_tls()

    @classmethod
    def from_env(
        cls, environment: Mapping[str, str] | None = None, /, **changes: Unpack[ClientOptionsFields]
    ) -> ClientOptions:
        """Make options from `MXGATEWAY_*` variables, one a field: MXGATEWAY_ENDPOINT, MXGATEWAY_API_KEY and so on.

        Fields given as keywords go before the environment. An empty variable counts as not set.

        Raises:
            MxGatewayConfigurationError: MXGATEWAY_ENDPOINT is missing, or a variable can't be read; the text says
                which.
            TypeError: a keyword is no field.
        """
        take_key(changes)
        texts = _variables(os.environ if environment is None else environment)
        # A traceback that shows local variables must not show all of the environment.
        environment = None
        values: dict[str, Any] = {}
        for field in fields(cls):
            if field.name in texts and field.name not in changes:
                name = _ENVIRONMENT_PREFIX + field.name.upper()
                values[field.name] = _from_text(name, texts[field.name], field.default)
        values.update(changes)
        if "endpoint" not in values:
            raise MxGatewayConfigurationError("no endpoint: set MXGATEWAY_ENDPOINT to host:port")
        return cls(**values)

    def _check_numbers(self) -> None:
        for name in ("timeout", "connect_timeout", "close_timeout", "keepalive_time", "keepalive_timeout"):
            check_seconds(name, getattr(self, name))
        if not 1024 <= self.max_message_bytes < 2**31:
            raise MxGatewayConfigurationError(
                f"max_message_bytes {self.max_message_bytes} is not between 1024 and 2147483647"
            )

    def _check_tls(self) -> None:
        given = [name for name in _TLS_FIELDS if getattr(self, name) not in (None, False)]
        if self.plaintext and given:
            raise MxGatewayConfigurationError(
                f"plaintext has no TLS, but {' and '.join(given)} ask for it: drop the one or the other"
            )
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            raise MxGatewayConfigurationError(
                "client_certificate_file and client_key_file go together: give both or none"
            )
        if self.certificate_fingerprint is not None and normal_fingerprint(self.certificate_fingerprint) is None:
            raise MxGatewayConfigurationError("certificate_fingerprint is not a SHA-256 fingerprint of 64 hex digits")
        ways = [name for name in _WAYS_TO_TRUST if getattr(self, name) is not None]
        if len(ways) > 1:
            raise MxGatewayConfigurationError(f"{ways[0]} and {ways[1]} are two ways to trust: give one of them")
        if self.trust_on_first_use and self.known_gateways_file is None:
            contradiction = f": {ways[0]} is another way to trust" if ways else ""
            raise MxGatewayConfigurationError(
                f"trust_on_first_use needs a known_gateways_file to remember the gateway in{contradiction}"
            )


class ClientOptionsFields(TypedDict, total=False):
    """The fields of ClientOptions as keywords."""

    endpoint: str
    api_key: ApiKey | str | None
    plaintext: bool
    ca_file: FilePath | None
    server_name_override: str | None
    client_certificate_file: FilePath | None
    client_key_file: FilePath | None
    certificate_fingerprint: str | None
    known_gateways_file: FilePath | None
    trust_on_first_use: bool
    timeout: float
    connect_timeout: float
    close_timeout: float
    max_message_bytes: int
    keepalive_time: float
    keepalive_timeout: float
    use_http_proxy: bool


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the texts of the fields that an environment names."""
    names = [field.name for field in fields(ClientOptions)]
    found = {name: environment.get(_ENVIRONMENT_PREFIX + name.upper(), "").strip() for name in names}
    return {name: Secret(text) if name == "api_key" else text for name, text in found.items() if text}


def _from_text(name: str, text: str, default: object) -> object:
    """Read an environment variable as the type of the field's default."""
    if isinstance(default, bool):
        if text.lower() in _TRUE_WORDS | _FALSE_WORDS:
            return text.lower() in _TRUE_WORDS
        raise MxGatewayConfigurationError(f"{name} is {text!r}: give 1 or 0")
    if isinstance(default, (int, float)):
        try:
            return type(default)(text)
        except ValueError:
            number = "a whole number" if isinstance(default, int) else "a number of seconds"
        raise MxGatewayConfigurationError(f"{name} is {text!r}: give {number}")
    return text
