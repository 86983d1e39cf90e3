"""JetStreamSink: records as messages of a NATS JetStream stream, each exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mxgateway._support.extras import import_extra
from mxgateway.errors import MxGatewayConfigurationError, MxGatewayUsageError
from mxgateway.forwarding.errors import BrokerUnavailableError
from mxgateway.forwarding.naming import nats_subject
from mxgateway.forwarding.payload import Payload, encode_records, record_id
from mxgateway.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime

    from mxgateway.recording import TagRecord

__all__ = ["JetStreamOptions", "JetStreamSink"]

STATUS_LEVEL: Final = "$status"
"""The last level of the subject of records that are about no tag. No tag has it: a `$` in a name is encoded."""

_MESSAGE_ID: Final = "Nats-Msg-Id"
_EXPECTED_LAST_SEQUENCE: Final = "Nats-Expected-Last-Sequence"
_KIND: Final = "Mxgateway-Kind"
_MAX_PENDING: Final = 4000
_ERROR_WRONG_LAST_SEQUENCE: Final = 10071


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
        if self.records_per_message < 1:
            raise MxGatewayConfigurationError("records_per_message must be at least 1")
        if self.records_per_message > 1 and self.payload is not Payload.JSON:
            raise MxGatewayConfigurationError(f"a message of several records must be JSON, not {self.payload}")


class _Message(NamedTuple):
    identity: str
    subject: str
    content: bytes
    kind: str


class JetStreamSink:
    """Publishes records to a stream of NATS JetStream. It needs the extra `mxaccess-gateway-client[nats]`.

    Durable: acknowledged by the server. Each message has the id of its record (`Nats-Msg-Id`) and the sequence that the
    stream must have before it (`Nats-Expected-Last-Sequence`), so that a message that was sent twice is stored once,
    however late. After a lost connection, the last message of the stream says what it has.

    Raises:
        MxGatewayConfigurationError: nats-py is not installed.
    """

    def __init__(self, options: JetStreamOptions) -> None:
        self.options: Final = options
        self._nats: Any = import_extra("nats", extra="nats", purpose="NATS JetStream")
        self._client: Any = None
        self._stream: Any = None
        self._last_sequence = 0
        self._last_id: str | None = None
        # Why no acknowledgement will come: nats-py reports that beside the calls.
        self._failure: asyncio.Future[Exception] | None = None

    async def open(self) -> datetime | None:
        """Connect, create the stream if it is missing, and find out what it has. Return None.

        Raises:
            BrokerUnavailableError: No server can be reached, or JetStream is not enabled.
            MxGatewayConfigurationError: A file cannot be read, or the stream does not take the subjects.
        """
        self._failure = asyncio.get_running_loop().create_future()
        with self._errors("cannot reach NATS"):
            self._client = await self._nats.connect(**self._connection_options())
        with self._errors(f"cannot use the stream {self.options.stream}"):
            timeout = self.options.timeout
            self._stream = self._client.jetstream(timeout=timeout, publish_async_max_pending=2 * _MAX_PENDING)
            await self._prepare_stream()
        return None

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Publish records and return when the server has acknowledged all of them.

        Raises:
            BrokerUnavailableError: Not all of them were acknowledged.
        """
        messages = self._messages(records)
        stored = [index for index, message in enumerate(messages) if message.identity == self._last_id]
        if stored:
            # They were stored before the connection was lost.
            messages = messages[stored[-1] + 1 :]
        with self._errors(f"cannot publish to the stream {self.options.stream}"):
            await self._publish(messages)

    async def close(self) -> None:
        """Close the connection. Closing twice is allowed."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                await client.close()

    def _messages(self, records: Sequence[TagRecord]) -> list[_Message]:
        options = self.options
        if options.records_per_message == 1:
            return [
                _Message(
                    record_id(record),
                    nats_subject(options.subject_prefix, record.tag)
                    if record.tag
                    else f"{options.subject_prefix}.{STATUS_LEVEL}",
                    encode_records([record], options.payload),
                    record.kind,
                )
                for record in records
            ]
        size = options.records_per_message
        parts = [records[begin : begin + size] for begin in range(0, len(records), size)]
        subject = f"{options.subject_prefix}.$batch"
        return [
            _Message(record_id(part[-1]), subject, encode_records(part, options.payload), "batch") for part in parts
        ]

    async def _publish(self, messages: Sequence[_Message]) -> None:
        waiting: deque[tuple[str, asyncio.Future[Any]]] = deque()
        publish, sequence = self._stream.publish_async, self._last_sequence
        try:
            for message in messages:
                headers = {_MESSAGE_ID: message.identity, _EXPECTED_LAST_SEQUENCE: str(sequence), _KIND: message.kind}
                if len(waiting) == _MAX_PENDING:
                    await self._wait_for(waiting[0][1])
                while waiting and waiting[0][1].done():
                    self._acknowledge(*waiting.popleft())
                waiting.append((message.identity, await publish(message.subject, message.content, headers=headers)))
                sequence += 1
            if waiting:
                # Acknowledgements come in the order of the messages.
                await self._wait_for(waiting[-1][1])
            while waiting:
                self._acknowledge(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    async def _wait_for(self, acknowledgement: asyncio.Future[Any]) -> None:
        if self._failure is None:
            raise MxGatewayUsageError("the sink is not open")
        waiting = (acknowledgement, self._failure)
        done, _ = await asyncio.wait(waiting, timeout=self.options.timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise TimeoutError
        if not acknowledgement.done():
            raise self._failure.result()

    async def _fail(self, error: Exception | None = None) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(error or OSError("the connection was lost"))

    def _acknowledge(self, identity: str, future: asyncio.Future[Any]) -> None:
        acknowledgement = future.result()
        self._last_sequence = acknowledgement.seq
        self._last_id = identity

    async def _prepare_stream(self) -> None:
        options = self.options
        try:
            info = await self._stream.stream_info(options.stream)
        except self._nats.js.errors.NotFoundError:
            info = await self._stream.add_stream(
                name=options.stream,
                subjects=[f"{options.subject_prefix}.>"],
                duplicate_window=options.duplicate_window,
            )
        if f"{options.subject_prefix}.>" not in info.config.subjects:
            subjects = ", ".join(info.config.subjects)
            raise MxGatewayConfigurationError(
                f"the stream {options.stream} has the subjects {subjects}, not {options.subject_prefix}.>"
            )
        self._last_sequence = info.state.last_seq
        self._last_id = None
        if info.state.messages:
            last = await self._stream.get_msg(options.stream, seq=info.state.last_seq)
            headers: dict[str, str] = last.headers or {}
            self._last_id = headers.get(_MESSAGE_ID)

    def _connection_options(self) -> dict[str, Any]:
        options = self.options
        settings: dict[str, Any] = {
            "servers": list(options.servers),
            # A Forwarder connects again itself: it has to look at the stream first.
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0,
            "connect_timeout": options.timeout,
            "name": "mxgateway",
            "error_cb": self._fail,
            "disconnected_cb": self._fail,
        }
        if options.user is not None:
            settings |= {"user": options.user, "password": _revealed(options.password)}
        if options.token is not None:
            settings["token"] = _revealed(options.token)
        if options.credentials_file is not None:
            settings["user_credentials"] = os.fspath(options.credentials_file)
        if any(server.startswith("tls://") for server in options.servers):
            try:
                settings["tls"] = ssl.create_default_context(cafile=options.ca_file)
            except OSError as error:
                raise MxGatewayConfigurationError(f"cannot read {options.ca_file}: {error}") from error
        return settings

    @contextlib.contextmanager
    def _errors(self, what: str) -> Generator[None]:
        try:
            yield
        except TimeoutError as error:
            raise BrokerUnavailableError(f"{what}: no answer within {self.options.timeout:g} s") from error
        except (self._nats.errors.Error, OSError) as error:
            if getattr(error, "err_code", None) == _ERROR_WRONG_LAST_SEQUENCE:
                text = "another program writes to it, or a message was stored twice: give each forward its own stream"
                raise BrokerUnavailableError(f"{what}: {text}") from error
            raise BrokerUnavailableError(f"{what}: {_reason(error)}") from error


def _revealed(secret: str | None) -> str | None:
    return secret.reveal() if isinstance(secret, Secret) else secret


def _reason(error: Exception) -> str:
    return getattr(error, "description", None) or " ".join(str(error).split()) or type(error).__name__
