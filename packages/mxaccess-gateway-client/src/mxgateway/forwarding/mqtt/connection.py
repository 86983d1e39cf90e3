"""MqttConnection: one connection to a broker, with many messages in flight."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mxgateway._support.extras import import_extra
from mxgateway.forwarding.errors import BrokerUnavailableError
from mxgateway.redaction import Secret

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from mxgateway.forwarding.mqtt.options import MqttOptions, MqttServer

__all__ = ["MqttConnection", "MqttMessage"]

NO_MATCHING_SUBSCRIBERS: Final = 0x10
_QUOTA_EXCEEDED: Final = 0x97
# The type of the packet that carries a message.
_PUBLISH: Final = 3
_KEEPALIVE_SECONDS: Final = 15
_GOODBYE_SECONDS: Final = 2.0
_DEFAULT_RECEIVE_MAXIMUM: Final = 65_535
# What a PUBLISH has besides topic, content and properties.
_PACKET_OVERHEAD_BYTES: Final = 64


class MqttMessage(NamedTuple):
    """A message to publish. `properties` are names and values of PUBLISH properties."""

    topic: str
    content: bytes
    retain: bool
    properties: dict[str, Any]


class MqttConnection:
    """One connection to a broker. After a loss it is of no use: messages never wait in it for the next one.

    paho-mqtt reads and writes in a thread of its own, which reports to the event loop.

    Args:
        paho: The module `paho.mqtt.client`.
        options: See MqttOptions.
        server: The address.
        tls: The TLS settings if the address wants TLS.

    Attributes:
        server: The address.
    """

    def __init__(self, paho: Any, options: MqttOptions, server: MqttServer, tls: ssl.SSLContext | None) -> None:
        self.server: Final = server
        self._paho = paho
        self._options = options
        self._loop = asyncio.get_running_loop()
        # Set by the thread, before it sets `_news`.
        self._answer: tuple[Any, Any] | None = None
        self._failure: str | None = None
        self._acknowledged: dict[int, Any] = {}
        self._signalled = False
        self._news = asyncio.Event()
        self._abandoned = False
        self._is_started = False
        self._window = options.max_in_flight
        self._max_packet_bytes: int | None = None
        self._make_properties: Callable[[int], Any] = import_extra(
            "paho.mqtt.properties", extra="mqtt", purpose="MQTT"
        ).Properties
        self._client = self._make_client(tls)

    @property
    def works(self) -> bool:
        """Whether messages can be published."""
        return self._is_started and self._failure is None

    async def connect(self) -> None:
        """Connect and log in.

        Raises:
            BrokerUnavailableError: The broker cannot be reached or refuses this client.
        """
        attempt = asyncio.ensure_future(asyncio.to_thread(self._connect))
        # A thread cannot be cancelled: what it opens too late it closes itself.
        attempt.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(self._options.timeout):
                await asyncio.shield(attempt)
            self._client.loop_start()
            self._is_started = True
            await self._until(lambda: self._answer is not None)
        except TimeoutError as error:
            raise self._error(f"no answer within {self._options.timeout:g} s") from error
        except (OSError, ValueError) as error:
            if isinstance(error, BrokerUnavailableError):
                raise
            raise self._error(_reason(error)) from error
        finally:
            self._abandoned = not attempt.done()
        reason, properties = self._answer or (None, None)
        if reason is None or reason.is_failure:
            raise self._error(f"the broker refuses this client: {reason}")
        self._note_limits(properties)

    async def publish(self, messages: Sequence[MqttMessage], done: Callable[[MqttMessage, int], None]) -> None:
        """Publish messages in order, and call `done` with each one that the broker has acknowledged, in order.

        After a cancelled call the connection is of no use.

        Raises:
            BrokerUnavailableError: A message was refused, or the connection is lost.
        """
        waiting: deque[tuple[int, MqttMessage]] = deque()
        rest = iter(messages)
        is_complete = False
        try:
            while True:
                while len(waiting) < self._window and (message := next(rest, None)) is not None:
                    waiting.append((self._send(message), message))
                if not waiting:
                    is_complete = True
                    return
                await self._until(lambda: waiting[0][0] in self._acknowledged)
                while waiting and waiting[0][0] in self._acknowledged:
                    number, message = waiting.popleft()
                    reason = self._acknowledged.pop(number)
                    if reason.is_failure:
                        raise self._refusal(message, reason)
                    done(message, reason.value)
        except TimeoutError as error:
            raise self._error(f"no acknowledgement within {self._options.timeout:g} s") from error
        finally:
            if not is_complete:
                self._failure = self._failure or "an earlier write has failed"

    async def close(self) -> None:
        """Say goodbye if the connection still works, and close it in a bounded time."""
        if not self._is_started:
            return
        self._is_started = False
        if self._failure is None:
            self._client.disconnect()
        else:
            self._break()
        stopping = asyncio.ensure_future(asyncio.to_thread(self._client.loop_stop))
        try:
            await asyncio.wait([stopping], timeout=_GOODBYE_SECONDS)
        finally:
            if not stopping.done():
                self._break()
        await asyncio.wait([stopping], timeout=_GOODBYE_SECONDS)

    def _make_client(self, tls: ssl.SSLContext | None) -> Any:
        paho, options = self._paho, self._options
        client = paho.Client(
            callback_api_version=paho.CallbackAPIVersion.VERSION2,
            client_id=options.client_id or "",
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        # paho doesn't know the broker's limit: `publish` keeps it.
        client.max_inflight_messages_set(0)
        client.connect_timeout = options.timeout
        if options.user is not None:
            password = options.password
            client.username_pw_set(options.user, password.reveal() if isinstance(password, Secret) else password)
        if tls is not None:
            client.tls_set_context(tls)
        if options.state_topic is not None:
            client.will_set(options.state_topic, b"offline", qos=1, retain=True)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _connect(self) -> None:
        """Connect in a thread. Afterwards the connection is closed if the caller has given up."""
        self._client.connect(self.server.host, self.server.port, keepalive=_KEEPALIVE_SECONDS, clean_start=True)
        if self._abandoned:
            self._client.disconnect()

    def _send(self, message: MqttMessage) -> int:
        properties = self._make_properties(_PUBLISH)
        for name, value in message.properties.items():
            setattr(properties, name, value)
        if self._max_packet_bytes is not None:
            self._check_size(message, len(properties.pack()))
        try:
            sent = self._client.publish(message.topic, message.content, 1, message.retain, properties)
        except ValueError as error:
            raise self._error(f"cannot send to the topic {message.topic}: {error}") from error
        if sent.rc != self._paho.MQTT_ERR_SUCCESS:
            raise self._error(self._failure or self._paho.error_string(sent.rc))
        number: int = sent.mid
        return number

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for the thread to report something. The time to wait is that without any news."""
        while not condition():
            if self._failure is not None:
                raise self._error(self._failure)
            async with asyncio.timeout(self._options.timeout):
                await self._news.wait()
            self._news.clear()
            self._signalled = False

    def _note_limits(self, properties: Any) -> None:
        self._window = min(self._window, getattr(properties, "ReceiveMaximum", _DEFAULT_RECEIVE_MAXIMUM))
        self._max_packet_bytes = getattr(properties, "MaximumPacketSize", None)
        if getattr(properties, "MaximumQoS", 1) == 0:
            raise self._error("the broker does not acknowledge messages (its maximum QoS is 0)")
        if self._options.retain and getattr(properties, "RetainAvailable", 1) == 0:
            raise self._error("the broker keeps no retained messages: forward without them")

    def _check_size(self, message: MqttMessage, properties: int) -> None:
        size = len(message.content) + len(message.topic.encode()) + properties + _PACKET_OVERHEAD_BYTES
        if self._max_packet_bytes is not None and size > self._max_packet_bytes:
            raise self._error(
                f"a message of {size} bytes is larger than the broker accepts ({self._max_packet_bytes}): "
                "put fewer records into a message, or raise the limit of the broker"
            )

    def _refusal(self, message: MqttMessage, reason: Any) -> BrokerUnavailableError:
        hint = "; the broker accepts no more for now" if reason.value == _QUOTA_EXCEEDED else ""
        return BrokerUnavailableError(
            f"{self.server.url} refuses a message with the topic {message.topic}: {reason}{hint}"
        )

    def _error(self, why: str) -> BrokerUnavailableError:
        return BrokerUnavailableError(f"cannot use the broker {self.server.url}: {why}")

    def _break(self) -> None:
        """End the thread at once, whatever it waits for."""
        connection = self._client.socket()
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _on_connect(self, _: object, __: object, ___: object, reason: Any, properties: Any) -> None:
        self._answer = (reason, properties)
        self._signal()

    def _on_disconnect(self, _: object, __: object, ___: object, reason: Any, ____: object) -> None:
        # paho-mqtt's word for a connection that ended without a reason.
        is_known = str(reason) not in {"Unspecified error", "Success", "Normal disconnection"}
        self._failure = f"the connection was lost: {reason}" if is_known else "the connection was lost"
        self._signal()

    def _on_publish(self, _: object, __: object, number: int, reason: Any, ___: object) -> None:
        self._acknowledged[number] = reason
        self._signal()

    def _signal(self) -> None:
        """Wake the event loop, once for all that was reported since it looked last."""
        if not self._signalled:
            self._signalled = True
            with contextlib.suppress(RuntimeError):
                # The loop may be closed already.
                self._loop.call_soon_threadsafe(self._news.set)


def _send_at_once(_: object, __: object, connection: Any) -> None:
    # Otherwise a message may wait 40 ms for the acknowledgement of the one before.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__
