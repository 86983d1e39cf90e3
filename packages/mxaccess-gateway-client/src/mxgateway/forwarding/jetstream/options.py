"""JetStreamOptions: how to reach a NATS server, and how records become messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.forwarding.payload import Payload
from mxgateway.redaction import Secret

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = ["JetStreamOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JetStreamOptions:
    """How to reach a NATS server, and how records become messages.

    Attributes:
        servers: The servers, such as `nats://localhost:4222` or `tls://nats.plant:4222`. A user and a password do not
            belong here: set them, or a credentials file.
        stream: The stream. It is created if it does not exist, and must have no other writer.
        subject_prefix: What the subjects begin with: `<prefix>.<object>.<attribute>`, and `<prefix>.$status` for
            losses.
        payload: What a message contains.
        records_per_message: More than 1 makes messages of JSON Lines with the subject `<prefix>.$batch`.
        duplicate_window: For a stream that is created: for how many seconds it refuses a message that it has.
        replicas: For a stream that is created in a cluster: how many servers keep it, up to 5.
        user: The user, or None.
        password: The user's password. No error or log record shows it.
        token: A token instead of a user. No error or log record shows it.
        credentials_file: A NATS credentials file (`.creds`), or None.
        ca_file: A CA to trust instead of the system's (PEM), or None.
        timeout: Seconds to wait for the server.

    Raises:
        MxGatewayConfigurationError: A server, a name or a number is invalid.
    """

    servers: Sequence[str]
    stream: str
    subject_prefix: str
    payload: Payload = Payload.JSON
    records_per_message: int = 1
    duplicate_window: float = 120.0
    replicas: int = 1
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    credentials_file: str | os.PathLike[str] | None = None
    ca_file: str | os.PathLike[str] | None = None
    timeout: float = 5.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "payload", Payload(self.payload))
        for name in ("password", "token"):
            secret = getattr(self, name)
            if secret is not None:
                object.__setattr__(self, name, Secret.password(secret))
        if not self.servers:
            raise MxGatewayConfigurationError("servers is empty: give at least one, such as nats://localhost:4222")
        for server in self.servers:
            if not server.startswith(("nats://", "tls://")):
                raise MxGatewayConfigurationError(f"the server {server!r} must begin with nats:// or tls://")
            if "@" in server:
                raise MxGatewayConfigurationError("a server must not contain a password: use `user` and `password`")
        for name in ("stream", "subject_prefix"):
            text: str = getattr(self, name)
            levels = text.split(".") if name == "subject_prefix" else [text]
            if not all(level and not set(level) & set(" *>.\t\r\n") for level in levels):
                raise MxGatewayConfigurationError(f"{name} {text!r} is not a name that NATS accepts")
        for name in ("records_per_message", "replicas"):
            if getattr(self, name) < 1:
                raise MxGatewayConfigurationError(f"{name} must be at least 1")
        if self.records_per_message > 1 and self.payload is not Payload.JSON:
            raise MxGatewayConfigurationError(f"a message of several records must be JSON, not {self.payload}")
