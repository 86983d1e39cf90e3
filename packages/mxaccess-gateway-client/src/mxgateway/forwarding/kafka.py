"""KafkaSink: records as messages of a Kafka topic. It has been tried with librdkafka's own cluster for tests only."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mxgateway._support.extras import import_extra
from mxgateway.errors import MxGatewayConfigurationError, MxGatewayUsageError
from mxgateway.forwarding.errors import BrokerUnavailableError
from mxgateway.forwarding.payload import Payload, encode_records, record_id
from mxgateway.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mxgateway.recording import TagRecord

__all__ = ["KafkaOptions", "KafkaSink"]

_logger = logging.getLogger("mxgateway.forwarding")

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_MECHANISMS: Final = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
_POLL_SECONDS: Final = 0.05
_OPEN_SECONDS: Final = 5.0
# Failures are reported by calls: librdkafka would log each attempt as an error.
_LOG_LEVEL_CRITICAL: Final = 2


def _no_settings() -> dict[str, str | int | float | bool]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaOptions:
    """How to reach a Kafka cluster, and how records become messages.

    Attributes:
        servers: Some brokers of the cluster, as `host:port`.
        topic: The topic.
        payload: What a message contains.
        tls: Whether to use TLS.
        user: The user (SASL), or None.
        password: The user's password. No error or log record shows it.
        sasl_mechanism: How the user logs in: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
        ca_file: A CA to trust instead of the system's (PEM), or None.
        certificate_file: This client's certificate (PEM), or None.
        key_file: The key of the certificate (PEM), or None if the file of the certificate contains it.
        timeout: Seconds in which records that are written together must be acknowledged.
        settings: More settings of librdkafka, by their names there; they take precedence.

    Raises:
        MxGatewayConfigurationError: A server, a name or a number is invalid.
    """

    servers: Sequence[str]
    topic: str
    payload: Payload = Payload.JSON
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sasl_mechanism: str = "PLAIN"
    ca_file: str | os.PathLike[str] | None = None
    certificate_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None
    timeout: float = 30.0
    settings: Mapping[str, str | int | float | bool] = field(default_factory=_no_settings, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "payload", Payload(self.payload))
        if self.password is not None:
            object.__setattr__(self, "password", Secret.password(self.password))
        if not self.servers:
            raise MxGatewayConfigurationError("servers is empty: give at least one, such as localhost:9092")
        for server in self.servers:
            if "@" in server:
                raise MxGatewayConfigurationError("a server must not contain a password: use `user` and `password`")
            if not re.fullmatch(r"[^\s,/:]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}", server):
                raise MxGatewayConfigurationError(f"the server {server!r} must be host:port, such as localhost:9092")
        if not _TOPIC.fullmatch(self.topic) or self.topic in {".", ".."}:
            raise MxGatewayConfigurationError(f"topic {self.topic!r} is not a name that Kafka accepts")
        if self.sasl_mechanism not in _MECHANISMS:
            raise MxGatewayConfigurationError(f"sasl_mechanism must be one of {', '.join(sorted(_MECHANISMS))}")
        if self.password is not None and self.user is None:
            raise MxGatewayConfigurationError("password needs user")
        if self.key_file is not None and self.certificate_file is None:
            raise MxGatewayConfigurationError("key_file needs certificate_file")
        if not self.timeout > 0:
            raise MxGatewayConfigurationError("timeout must be positive")


class KafkaSink:
    """Publishes records to a topic of Kafka. It needs the extra `mxaccess-gateway-client[kafka]`.

    Durable: acknowledged by all replicas that are in sync (`acks=all`), by an idempotent producer. The key of a message
    is its tag, so that a tag keeps its order. Records arrive at least once: the header `mxgateway-id` is the id of the
    record, by which a consumer can drop a message that was sent again after a lost connection.

    Raises:
        MxGatewayConfigurationError: confluent-kafka is not installed.
    """

    def __init__(self, options: KafkaOptions) -> None:
        self.options: Final = options
        self._kafka: Any = import_extra("confluent_kafka", extra="kafka", purpose="Kafka")
        self._producer: Any = None
        # What librdkafka last reported beside the calls: a rejected password, for example.
        self._problem: str | None = None

    async def open(self) -> datetime | None:
        """Connect, and find out whether the topic can be used. Return None.

        Raises:
            BrokerUnavailableError: No broker can be reached, or the topic cannot be used.
            MxGatewayConfigurationError: A setting is invalid.
        """
        await self.close()
        self._problem = None
        try:
            producer = self._kafka.Producer(self._configuration(), logger=_logger)
        except (self._kafka.KafkaException, ValueError) as error:
            raise MxGatewayConfigurationError(f"invalid settings for Kafka: {_reason(error)}") from error
        self._producer = producer
        await self._find_topic(producer)
        return None

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Publish records and return when the cluster has acknowledged all of them.

        Raises:
            BrokerUnavailableError: Not all of them were acknowledged.
            MxGatewayUsageError: The sink is not open.
        """
        producer = self._producer
        if producer is None:
            raise MxGatewayUsageError("the sink is not open")
        options = self.options
        failures: list[Any] = []

        def note(error: Any, _: object) -> None:
            if error is not None:
                failures.append(error)

        deadline = time.monotonic() + options.timeout
        for record in records:
            key = record.tag.encode() or None
            headers = {"mxgateway-id": record_id(record), "mxgateway-kind": record.kind.value}
            content = encode_records([record], options.payload)
            while True:
                try:
                    producer.produce(options.topic, content, key, headers=headers, on_delivery=note)
                    break
                except BufferError:
                    # The producer's queue is full: wait until it has sent some.
                    await self._poll(producer, deadline, failures)
                except self._kafka.KafkaException as error:
                    raise self._error(_reason(error)) from error
        while len(producer):
            await self._poll(producer, deadline, failures)
        if failures:
            raise self._error(_reason(failures[0]))

    async def close(self) -> None:
        """Drop what is not acknowledged and close the connections. Closing twice is allowed."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            await asyncio.to_thread(producer.flush, _POLL_SECONDS)

    async def _poll(self, producer: Any, deadline: float, failures: Sequence[Any]) -> None:
        if failures:
            raise self._error(_reason(failures[0]))
        if time.monotonic() > deadline:
            raise self._error(self._problem or f"no acknowledgement within {self.options.timeout:g} s")
        await asyncio.to_thread(producer.poll, _POLL_SECONDS)

    async def _find_topic(self, producer: Any) -> None:
        options = self.options
        try:
            found = await asyncio.to_thread(producer.list_topics, options.topic, min(options.timeout, _OPEN_SECONDS))
        except self._kafka.KafkaException as error:
            # It reports the reason beside the call.
            await asyncio.to_thread(producer.poll, 0)
            raise self._error(self._problem or _reason(error)) from error
        problem = found.topics[options.topic].error
        # A topic that is missing is created by the first message, if the cluster is set up like that.
        if problem is not None and problem.code() not in {
            self._kafka.KafkaError.UNKNOWN_TOPIC_OR_PART,
            self._kafka.KafkaError.LEADER_NOT_AVAILABLE,
        }:
            raise self._error(_reason(problem))

    def _configuration(self) -> dict[str, Any]:
        options = self.options
        milliseconds = int(options.timeout * 1000)
        configuration: dict[str, Any] = {
            "bootstrap.servers": ",".join(options.servers),
            "client.id": "mxgateway",
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": milliseconds,
            "socket.connection.setup.timeout.ms": max(1000, milliseconds),
            "log_level": _LOG_LEVEL_CRITICAL,
            "error_cb": self._note_problem,
            "security.protocol": ("SASL_" if options.user else "") + ("SSL" if options.tls else "PLAINTEXT"),
        }
        if options.user is not None:
            password = options.password
            configuration |= {
                "sasl.mechanism": options.sasl_mechanism,
                "sasl.username": options.user,
                "sasl.password": password.reveal() if isinstance(password, Secret) else "",
            }
        for name, file in (
            ("ssl.ca.location", options.ca_file),
            ("ssl.certificate.location", options.certificate_file),
            ("ssl.key.location", options.key_file or options.certificate_file),
        ):
            if file is not None:
                configuration[name] = _readable(file)
        return configuration | dict(options.settings)

    def _note_problem(self, error: Any) -> None:
        # "All brokers are down" says less than the reason that came before it.
        if error.name() != "_ALL_BROKERS_DOWN" or self._problem is None:
            self._problem = _reason(error)

    def _error(self, why: str) -> BrokerUnavailableError:
        servers = ",".join(self.options.servers)
        return BrokerUnavailableError(f"cannot use the topic {self.options.topic} of Kafka at {servers}: {why}")


def _readable(file: str | os.PathLike[str]) -> str:
    """Return the path of a file that can be read. librdkafka's error would not name it."""
    try:
        with Path(file).open("rb"):
            return os.fspath(file)
    except OSError as error:
        raise MxGatewayConfigurationError(f"cannot read {os.fspath(file)}: {error.strerror}") from error


def _reason(error: Any) -> str:
    # An exception has librdkafka's error as its argument.
    cause: Any = error.args[0] if getattr(error, "args", None) else error
    text: str = cause.str() if hasattr(cause, "str") and not isinstance(cause, str) else str(cause)
    return " ".join(text.split()) or type(error).__name__
