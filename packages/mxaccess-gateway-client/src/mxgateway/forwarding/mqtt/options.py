"""MqttOptions: how to reach an MQTT broker, and how records become messages."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.forwarding.payload import Payload
from mxgateway.redaction import Secret

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = ["MqttOptions", "MqttServer"]

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_MAX_IN_FLIGHT: Final = 65_535
_MAX_EXPIRY_SECONDS: Final = 0xFFFFFFFF


class MqttServer(NamedTuple):
    """An address of a broker, and whether to use TLS."""

    url: str
    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttOptions:
    """How to reach an MQTT 5 broker, and how records become messages.

    Attributes:
        servers: The addresses of the broker, such as `mqtt://localhost` or `mqtts://mqtt.plant:8883`; the first one
            that answers is used. The ports are 1883 and 8883 by default.
        topic_prefix: What the topics begin with: `<prefix>/<object>/<attribute>`, and `<prefix>/$status` for losses.
        payload: What a message contains.
        records_per_message: More than 1 makes messages of JSON Lines with the topic `<prefix>/$batch`.
        retain: Let the broker keep the last message of each topic for later subscribers.
        message_expiry: Seconds after which the broker drops a message that it has not delivered, also a retained one;
            None for never.
        client_id: The name of this client at the broker, where two clients cannot have the same one. With a name, the
            retained topic `<prefix>/$state/<client_id>` is `online` or `offline`. None lets the broker choose one.
        user: The user, or None.
        password: The user's password. No error or log record shows it.
        ca_file: A CA to trust instead of the system's (PEM), or None.
        certificate_file: This client's certificate (PEM), or None.
        key_file: The key of the certificate (PEM), or None if the file of the certificate contains it.
        max_in_flight: The most messages that are sent and not acknowledged; fewer if the broker says so.
        timeout: Seconds to wait for the broker.

    Raises:
        MxGatewayConfigurationError: A server, a name or a number is invalid.
    """

    servers: Sequence[str]
    topic_prefix: str
    payload: Payload = Payload.JSON
    records_per_message: int = 1
    retain: bool = False
    message_expiry: float | None = None
    client_id: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | os.PathLike[str] | None = None
    certificate_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None
    max_in_flight: int = 200
    timeout: float = 5.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "payload", Payload(self.payload))
        if self.password is not None:
            object.__setattr__(self, "password", Secret.password(self.password))
        if not self.servers:
            raise MxGatewayConfigurationError("servers is empty: give at least one, such as mqtt://localhost")
        for server in self.servers:
            _parse(server)
        if not _is_topic(self.topic_prefix):
            raise MxGatewayConfigurationError(f"topic_prefix {self.topic_prefix!r} is not a topic that MQTT accepts")
        if self.client_id is not None and (not _is_topic(self.client_id) or "/" in self.client_id):
            raise MxGatewayConfigurationError(f"client_id {self.client_id!r} must not be empty or contain / + #")
        self._check_messages()
        if self.key_file is not None and self.certificate_file is None:
            raise MxGatewayConfigurationError("key_file needs certificate_file")
        if self.password is not None and self.user is None:
            raise MxGatewayConfigurationError("password needs user")
        if not self.timeout > 0:
            raise MxGatewayConfigurationError("timeout must be positive")

    def _check_messages(self) -> None:
        if self.records_per_message < 1:
            raise MxGatewayConfigurationError("records_per_message must be at least 1")
        if self.records_per_message > 1 and self.payload is not Payload.JSON:
            raise MxGatewayConfigurationError(f"a message of several records must be JSON, not {self.payload}")
        if self.records_per_message > 1 and self.retain:
            raise MxGatewayConfigurationError("retain needs a message for each record: set records_per_message to 1")
        if self.message_expiry is not None and not 1 <= self.message_expiry <= _MAX_EXPIRY_SECONDS:
            raise MxGatewayConfigurationError("message_expiry must be at least 1 second and at most 136 years")
        if not 1 <= self.max_in_flight <= _MAX_IN_FLIGHT:
            raise MxGatewayConfigurationError(f"max_in_flight must be 1 to {_MAX_IN_FLIGHT}")

    @property
    def addresses(self) -> tuple[MqttServer, ...]:
        """The servers with host and port."""
        return tuple(_parse(server) for server in self.servers)

    @property
    def state_topic(self) -> str | None:
        """The topic that is `online` or `offline`; None without a client id."""
        return None if self.client_id is None else f"{self.topic_prefix}/$state/{self.client_id}"

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS settings for `mqtts://`.

        Raises:
            MxGatewayConfigurationError: A file cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise MxGatewayConfigurationError(f"cannot read the CA {self.ca_file}: {error}") from error
        context.sslsocket_class = _SelfClosingSocket
        if self.certificate_file is not None:
            try:
                # Without a password, the key would be asked for on the terminal.
                context.load_cert_chain(self.certificate_file, self.key_file, password="")
            except OSError as error:
                text = f"cannot read the client certificate {self.certificate_file} with its key: {error}"
                raise MxGatewayConfigurationError(text) from error
        return context


class _SelfClosingSocket(ssl.SSLSocket):
    """Closes itself if the handshake fails: paho-mqtt leaves it open then."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as ssl calls it
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _parse(server: str) -> MqttServer:
    if "@" in server:
        raise MxGatewayConfigurationError("a server must not contain a password: use `user` and `password`")
    if not server.startswith(("mqtt://", "mqtts://")):
        raise MxGatewayConfigurationError(f"the server {server!r} must begin with mqtt:// or mqtts://")
    try:
        parts = urlsplit(server)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise MxGatewayConfigurationError(f"the server {server!r} is not a URL: {error}") from error
    if not host or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise MxGatewayConfigurationError(f"the server {server!r} must be a host and a port, such as mqtt://host:1883")
    return MqttServer(server, host, port or _PORTS[parts.scheme], parts.scheme == "mqtts")


def _is_topic(text: str) -> bool:
    # A topic that begins with $ belongs to the broker.
    return (
        bool(text)
        and text[0] != "$"
        and all(text.split("/"))
        and not any(character in "+#" or not character.isprintable() for character in text)
    )
