"""MqttSink: records as messages of an MQTT 5 broker, each at least once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from mxgateway._support.extras import import_extra
from mxgateway.errors import MxGatewayUsageError
from mxgateway.forwarding.errors import BrokerUnavailableError
from mxgateway.forwarding.mqtt.connection import NO_MATCHING_SUBSCRIBERS, MqttConnection, MqttMessage
from mxgateway.forwarding.naming import mqtt_topic
from mxgateway.forwarding.payload import Payload, encode_records, record_id
from mxgateway.recording import RecordKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.forwarding.mqtt.options import MqttOptions
    from mxgateway.recording import TagRecord

__all__ = ["MqttSink"]

_logger = logging.getLogger("mxgateway.forwarding")

_ID: Final = "mxgateway-id"
_KIND: Final = "mxgateway-kind"


class MqttSink:
    """Publishes records to an MQTT 5 broker with QoS 1. It needs the extra `mxaccess-gateway-client[mqtt]`.

    Durable: acknowledged by the broker (PUBACK). Records arrive at least once and in order: messages whose
    acknowledgement was lost are sent again. Each message has the id of its record as the user property `mxgateway-id`,
    by which a subscriber can drop duplicates, and its kind as `mxgateway-kind`.

    Raises:
        MxGatewayConfigurationError: paho-mqtt is not installed.
    """

    def __init__(self, options: MqttOptions) -> None:
        self.options: Final = options
        self._paho: Any = import_extra("paho.mqtt.client", extra="mqtt", purpose="MQTT")
        self._connection: MqttConnection | None = None
        # The records whose delivery was interrupted, and how many of their messages are acknowledged.
        self._unfinished: Sequence[TagRecord] | None = None
        self._delivered = 0
        self._warned_of_no_subscribers = False

    async def open(self) -> datetime | None:
        """Connect to the first server that answers. Return None.

        Raises:
            BrokerUnavailableError: No server can be reached, or all refuse this client.
            MxGatewayConfigurationError: A file cannot be read.
        """
        await self.close()
        options = self.options
        tls = options.tls_context() if any(server.tls for server in options.addresses) else None
        problems: list[str] = []
        for server in options.addresses:
            connection = MqttConnection(self._paho, options, server, tls if server.tls else None)
            try:
                await connection.connect()
                await self._announce(connection, b"online")
            except BrokerUnavailableError as error:
                problems.append(str(error))
                await connection.close()
            except BaseException:
                await connection.close()
                raise
            else:
                self._connection = connection
                return None
        raise BrokerUnavailableError("; ".join(problems))

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Publish records and return when the broker has acknowledged all of them.

        If it fails, and the same list of records is written again, it continues after the last acknowledged message.

        Raises:
            BrokerUnavailableError: Not all of them were acknowledged.
            MxGatewayUsageError: The sink is not open.
        """
        if self._connection is None:
            raise MxGatewayUsageError("the sink is not open")
        if records is not self._unfinished:
            self._unfinished, self._delivered = records, 0
        await self._connection.publish(self._messages(records)[self._delivered :], self._note)
        self._unfinished = None

    async def close(self) -> None:
        """Close the connection. Closing twice is allowed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if connection.works:
                # A goodbye makes the broker forget the will.
                await self._announce(connection, b"offline")
        except BrokerUnavailableError as error:
            _logger.debug("cannot announce the end: %s", error)
        finally:
            await connection.close()

    async def _announce(self, connection: MqttConnection, state: bytes) -> None:
        topic = self.options.state_topic
        if topic is not None:
            message = MqttMessage(topic, state, True, {"ContentType": "text/plain", "PayloadFormatIndicator": 1})
            await connection.publish([message], lambda _, __: None)

    def _note(self, message: MqttMessage, reason: int) -> None:
        self._delivered += 1
        if reason == NO_MATCHING_SUBSCRIBERS and not message.retain and not self._warned_of_no_subscribers:
            self._warned_of_no_subscribers = True
            _logger.warning("no client subscribes to %s: the broker does not keep these messages", message.topic)

    def _messages(self, records: Sequence[TagRecord]) -> list[MqttMessage]:
        options, size = self.options, self.options.records_per_message
        if size == 1:
            return [self._message(record) for record in records]
        topic = f"{options.topic_prefix}/$batch"
        parts = [records[begin : begin + size] for begin in range(0, len(records), size)]
        return [
            self._make(topic, encode_records(part, Payload.JSON), "application/x-ndjson", record_id(part[-1]), "batch")
            for part in parts
        ]

    def _message(self, record: TagRecord) -> MqttMessage:
        options = self.options
        topic = mqtt_topic(options.topic_prefix, record.tag) if record.tag else f"{options.topic_prefix}/$status"
        is_event = options.payload is Payload.PROTOBUF and record.kind is RecordKind.CHANGE
        content_type = "application/x-protobuf" if is_event else "application/json"
        content = encode_records([record], options.payload)
        return self._make(topic, content, content_type, record_id(record), record.kind.value)

    def _make(self, topic: str, content: bytes, content_type: str, identity: str, kind: str) -> MqttMessage:
        properties: dict[str, Any] = {
            "ContentType": content_type,
            "UserProperty": [(_ID, identity), (_KIND, kind)],
        }
        if content_type != "application/x-protobuf":
            # The content is UTF-8.
            properties["PayloadFormatIndicator"] = 1
        if self.options.message_expiry is not None:
            properties["MessageExpiryInterval"] = round(self.options.message_expiry)
        return MqttMessage(topic, content, self.options.retain, properties)
