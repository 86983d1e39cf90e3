"""Brokers of the command `forward`: from its options to a sink."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mxgateway.forwarding import (
    JetStreamLease,
    JetStreamOptions,
    JetStreamSink,
    KafkaOptions,
    KafkaSink,
    MqttOptions,
    MqttSink,
    Payload,
)
from mxgateway.redaction import Secret, hide
from mxgateway.text_files import decode_text

if TYPE_CHECKING:
    from mxgateway.forwarding import Shard
    from mxgateway.recording import Sink

__all__ = ["BrokerSettings"]

_SCHEMES: Final = {
    "nats": "nats",
    "tls": "nats",
    "mqtt": "mqtt",
    "mqtts": "mqtt",
    "kafka": "kafka",
    "kafkas": "kafka",
}
# Options that not every broker has.
_OPTIONS: Final = {
    "lease_name": ("--lease", {"nats"}),
    "credentials_file": ("--broker-credentials-file", {"nats"}),
    "certificate_file": ("--broker-cert-file", {"mqtt", "kafka"}),
    "key_file": ("--broker-key-file", {"mqtt", "kafka"}),
    "client_id": ("--broker-client-id", {"mqtt"}),
    "retain": ("--retain", {"mqtt"}),
    "replicas": ("--replicas", {"nats"}),
    "message_expiry": ("--message-expiry", {"mqtt"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where records go, and how they become messages.

    Attributes:
        url: The broker: servers separated by commas, for Kafka with the topic as the path.
        shard: The part of the tags, or None for all. With NATS it has its own stream and subjects.
        lease_name: The lease without which nothing is delivered, without the shard, or None.
        stream: The stream of NATS, without the shard.
        prefix: What subjects and topics begin with, without the shard.
        payload: What a message contains.
        batch: Records in a message.
        replicas: How many servers of a cluster keep a stream that is created, or None for one.
        retain: Whether the broker keeps the last message of each topic.
        message_expiry: Seconds after which the broker drops a message, or None.
        client_id: The name of this client at the broker, or None.
        user: The user at the broker, or None.
        password: The user's password, or None.
        password_file: The file with the user's password, or None. It takes precedence.
        credentials_file: A NATS credentials file, or None.
        ca_file: The CA of the broker's certificate, or None.
        certificate_file: This client's certificate, or None.
        key_file: The key of the certificate, or None.
    """

    url: str
    shard: Shard | None
    lease_name: str | None
    stream: str
    prefix: str
    payload: str
    batch: int
    replicas: int | None
    retain: bool
    message_expiry: float | None
    client_id: str | None
    user: str | None
    password: Secret | None
    password_file: str | None
    credentials_file: str | None
    ca_file: str | None
    certificate_file: str | None
    key_file: str | None

    @property
    def place(self) -> str:
        """The stream of NATS, the topic prefix of MQTT, or the topic of Kafka."""
        stream, topic = self._with_shard(self.stream, "-"), self.url.rpartition("/")[2]
        return {"nats": stream, "mqtt": self.prefix, "kafka": topic}[self._kind()]

    @property
    def job(self) -> str:
        """What a spool for this broker belongs to."""
        return {
            "nats": f"the stream {self.place}",
            "mqtt": f"the topics {self.prefix}/#",
            "kafka": f"the topic {self.place}",
        }[self._kind()]

    def sink(self) -> Sink:
        """Return the sink, which is not connected yet.

        Raises:
            MxGatewayConfigurationError: A setting is invalid, or the broker's library is missing.
            click.UsageError: An option is not for this broker, or the file of the password cannot be read.
        """
        kind = self._kind()
        for name, (option, kinds) in _OPTIONS.items():
            if getattr(self, name) and kind not in kinds:
                raise click.UsageError(f"{option} is for {' and '.join(sorted(kinds))}, not for {kind}")
        return {"nats": self._jetstream, "mqtt": self._mqtt, "kafka": self._kafka}[kind]()

    def lease(self) -> JetStreamLease | None:
        """Return the lease of the job, which is not held yet; None if it needs none.

        Raises:
            MxGatewayConfigurationError: Its name is invalid.
        """
        if self.lease_name is None:
            return None
        return JetStreamLease(self._jetstream_options(), self._with_shard(self.lease_name, "-"))

    def _kind(self) -> str:
        scheme, separator, _ = self.url.partition("://")
        if not separator or scheme not in _SCHEMES:
            schemes = ", ".join(f"{each}://" for each in _SCHEMES)
            raise click.UsageError(f"--to must begin with one of {schemes}")
        return _SCHEMES[scheme]

    def _jetstream(self) -> Sink:
        return JetStreamSink(self._jetstream_options())

    def _jetstream_options(self) -> JetStreamOptions:
        return JetStreamOptions(
            servers=[server.strip() for server in self.url.split(",")],
            stream=self._with_shard(self.stream, "-"),
            subject_prefix=self._with_shard(self.prefix, "."),
            payload=Payload(self.payload),
            records_per_message=self.batch,
            replicas=self.replicas or 1,
            user=self.user,
            password=self._secret(),
            credentials_file=self.credentials_file,
            ca_file=self.ca_file,
        )

    def _mqtt(self) -> Sink:
        return MqttSink(
            MqttOptions(
                servers=[server.strip() for server in self.url.split(",")],
                topic_prefix=self.prefix,
                payload=Payload(self.payload),
                records_per_message=self.batch,
                retain=self.retain,
                message_expiry=self.message_expiry,
                client_id=self.client_id,
                user=self.user,
                password=self._secret(),
                ca_file=self.ca_file,
                certificate_file=self.certificate_file,
                key_file=self.key_file,
            )
        )

    def _kafka(self) -> Sink:
        if self.batch > 1:
            raise click.UsageError("--batch is not for kafka, which collects messages by itself")
        scheme, _, rest = self.url.partition("://")
        servers, separator, topic = rest.partition("/")
        if not separator:
            raise click.UsageError("--to needs a topic: kafka://HOST:PORT/TOPIC")
        return KafkaSink(
            KafkaOptions(
                servers=[server.strip() for server in servers.split(",")],
                topic=topic,
                payload=Payload(self.payload),
                tls=scheme == "kafkas",
                user=self.user,
                password=self._secret(),
                ca_file=self.ca_file,
                certificate_file=self.certificate_file,
                key_file=self.key_file,
            )
        )

    def _with_shard(self, name: str, separator: str) -> str:
        """Return a name that no other shard has: a stream must have a single writer."""
        return name if self.shard is None else f"{name}{separator}{self.shard.label}"

    def _secret(self) -> Secret | None:
        """Return the password of the user; without a user there is none."""
        if self.user is None:
            return None
        if self.password_file is None:
            return self.password
        try:
            text = decode_text(Path(self.password_file).read_bytes(), "the password file").strip()
        except OSError as error:
            raise click.UsageError(f"cannot read {self.password_file}: {error.strerror}") from error
        except ValueError as error:
            raise click.UsageError(f"cannot read {self.password_file}: {error}") from error
        if not text:
            raise click.UsageError(f"{self.password_file} is empty: it must contain the password")
        return hide(Secret.password(text))
