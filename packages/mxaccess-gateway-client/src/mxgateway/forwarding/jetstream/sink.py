"""JetStreamSink: records as messages of a NATS JetStream stream, each exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError, MxGatewayUsageError
from mxgateway.forwarding.errors import BrokerUnavailableError, StreamTakenError
from mxgateway.forwarding.jetstream.connection import connect_to_nats, import_nats, nats_reason
from mxgateway.forwarding.jetstream.headers import (
    EXPECTED_LAST_SEQUENCE,
    KIND,
    MESSAGE_ID,
    NO_POSITION,
    POSITION,
    RECEIVED,
    Position,
)
from mxgateway.forwarding.jetstream.lane_messages import (
    LANE_LEVEL,
    LaneKeeper,
    decode_lane,
    encode_lane,
    parts_of_lane,
)
from mxgateway.forwarding.jetstream.publisher import Publisher
from mxgateway.forwarding.naming import nats_subject
from mxgateway.forwarding.payload import encode_records, record_id
from mxgateway.recording import RecordKind, TagRecord

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime

    from mxgateway.forwarding.jetstream.options import JetStreamOptions
    from mxgateway.forwarding.lane import LaneState
    from mxgateway.tags import SavedSession

__all__ = ["JetStreamSink"]

STATUS_LEVEL: Final = "$status"
"""The last level of the subject of records that are about no tag. No tag has it: a `$` in a name is encoded."""

_logger = logging.getLogger("mxgateway.forwarding")

_MAX_PENDING: Final = 4000
_ERROR_WRONG_LAST_SEQUENCE: Final = 10071


class _Message(NamedTuple):
    identity: str
    subject: str
    content: bytes
    headers: dict[str, str]
    position: Position


class JetStreamSink:
    """Publishes records to a stream of NATS JetStream. It needs the extra `mxaccess-gateway-client[nats]`.

    Durable: acknowledged by the server. Each message has the id of its record (`Nats-Msg-Id`) and the sequence that the
    stream must have before it (`Nats-Expected-Last-Sequence`), so that a message that was sent twice is stored once,
    however late. After a lost connection, the last message of the stream says what it has. The stream is a Lane: the
    messages of the subject `<prefix>.$lane` keep the session.

    Raises:
        MxGatewayConfigurationError: nats-py is not installed.
    """

    def __init__(self, options: JetStreamOptions) -> None:
        self.options: Final = options
        self._nats: Any = import_nats()
        self._client: Any = None
        self._stream: Any = None
        self._publisher: Publisher | None = None
        # The last message of the stream; None before the sink is opened for the first time.
        self._last_sequence: int | None = None
        self._last_id: str | None = None
        self._position = NO_POSITION
        # The messages that were sent last, which the stream may have without an acknowledgement.
        self._sent: set[str] = set()
        self._lane_state: LaneState | None = None
        self._lane = LaneKeeper()
        # What to store first: that acknowledged messages are gone.
        self._gap: TagRecord | None = None
        # Why no acknowledgement will come: nats-py reports that beside the calls.
        self._failure: asyncio.Future[Exception] | None = None

    @property
    def lane_state(self) -> LaneState | None:
        """What the last writer had left when the sink was opened."""
        return self._lane_state

    async def open(self) -> datetime | None:
        """Connect, create the stream if it is missing, and return when its last record was received.

        Raises:
            BrokerUnavailableError: No server can be reached, or JetStream is not enabled.
            MxGatewayConfigurationError: A file cannot be read, the stream does not take the subjects, or the account
                may not use it.
            StreamTakenError: The sink was open before, and another program has written to the stream since.
        """
        self._failure = asyncio.get_running_loop().create_future()
        with self._errors("cannot reach NATS"):
            self._client = await connect_to_nats(self.options, self._fail)
        try:
            with self._errors(f"cannot use the stream {self.options.stream}"):
                timeout = self.options.timeout
                self._stream = self._client.jetstream(timeout=timeout)
                self._publisher = Publisher(self._client, self._nats.js.errors)
                await self._publisher.open()
                return await self._prepare_stream()
        except BaseException:
            await self.close()
            raise

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Publish records and return when the server has acknowledged all of them.

        Raises:
            BrokerUnavailableError: Not all of them were acknowledged.
            MxGatewayConfigurationError: The account may not publish them.
            StreamTakenError: Another program has written to the stream.
        """
        records = self._position.not_stored(records)
        messages = self._messages(records if self._gap is None else [self._gap, *records])
        stored = [index for index, message in enumerate(messages) if message.identity == self._last_id]
        if stored:
            # They were stored before the connection was lost.
            messages = messages[stored[-1] + 1 :]
        with self._errors(f"cannot publish to the stream {self.options.stream}"):
            if self._lane.is_due(self._last_sequence or 0):
                await self._publish_lane()
            await self._publish(messages)
        self._gap = None

    async def save_lane(self, owner: str, session: SavedSession | None) -> None:
        """Store the owner and the session that the following records come from.

        Raises:
            BrokerUnavailableError: It was not acknowledged.
            StreamTakenError: Another program has written to the stream.
        """
        self._lane.contents = encode_lane(owner, session, self._client.max_payload)
        with self._errors(f"cannot publish to the stream {self.options.stream}"):
            await self._publish_lane()

    async def close(self) -> None:
        """Close the connection. Closing twice is allowed."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                await client.close()

    def _messages(self, records: Sequence[TagRecord]) -> list[_Message]:
        size = self.options.records_per_message
        position, messages = self._position, list[_Message]()
        for begin in range(0, len(records), size):
            part = records[begin : begin + size]
            position = position.after(part)
            messages.append(self._message(part, position))
        return messages

    def _message(self, records: Sequence[TagRecord], position: Position) -> _Message:
        options, last = self.options, records[-1]
        identity = record_id(last)
        if options.records_per_message > 1:
            subject, kind = f"{options.subject_prefix}.$batch", "batch"
        else:
            kind = last.kind.value
            subject = (
                nats_subject(options.subject_prefix, last.tag)
                if last.tag
                else f"{options.subject_prefix}.{STATUS_LEVEL}"
            )
        headers = _headers(kind, identity, position)
        if kind != RecordKind.CHANGE or last.repeated:
            headers[POSITION] = str(position)
        return _Message(identity, subject, encode_records(records, options.payload), headers, position)

    async def _publish_lane(self) -> None:
        now, position, contents = time.time_ns(), self._position, self._lane.contents
        last = f"{self.options.subject_prefix}.{LANE_LEVEL}"
        messages: list[_Message] = []
        for part, content in enumerate(contents, 1):
            identity, subject = f"lane:{now}:{part}", last if part == len(contents) else f"{last}.{part}"
            headers = _headers("lane", identity, position) | {POSITION: str(position)}
            messages.append(_Message(identity, subject, content, headers, position))
        await self._publish(messages)
        self._lane.saved(self._last_sequence or 0)

    async def _publish(self, messages: Sequence[_Message]) -> None:
        if self._publisher is None:
            raise MxGatewayUsageError("the sink is not open")
        publisher, sequence = self._publisher, self._last_sequence or 0
        self._sent = {message.identity for message in messages}
        first = publisher.begin()
        try:
            for message in messages:
                if publisher.published - publisher.acknowledged == _MAX_PENDING:
                    await self._wait_for(publisher.acknowledgement(publisher.published - _MAX_PENDING // 2))
                message.headers[EXPECTED_LAST_SEQUENCE] = str(sequence)
                await publisher.publish(message.subject, message.content, message.headers)
                sequence += 1
            await self._wait_for(publisher.acknowledgement(publisher.published))
        except self._nats.js.errors.APIError as error:
            if error.err_code == _ERROR_WRONG_LAST_SEQUENCE and await self._is_last_message_own():
                text = f"the stream {self.options.stream} has just stored messages of an earlier connection"
                raise BrokerUnavailableError(text) from error
            raise
        finally:
            if stored := publisher.acknowledged - first:
                last = messages[stored - 1]
                self._last_sequence, self._last_id, self._position = publisher.sequence, last.identity, last.position

    async def _is_last_message_own(self) -> bool:
        info = await self._stream.stream_info(self.options.stream)
        last = await self._stream.get_msg(self.options.stream, seq=info.state.last_seq)
        headers: dict[str, str] = last.headers or {}
        return headers.get(MESSAGE_ID) in self._sent

    async def _wait_for(self, acknowledgement: asyncio.Future[None]) -> None:
        if self._failure is None:
            raise MxGatewayUsageError("the sink is not open")
        waiting = (acknowledgement, self._failure)
        try:
            done, _ = await asyncio.wait(waiting, timeout=self.options.timeout, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise TimeoutError
            if not acknowledgement.done():
                raise self._failure.result()
            acknowledgement.result()
        finally:
            acknowledgement.cancel()

    async def _fail(self, error: Exception | None = None) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(error or OSError("the connection was lost"))

    async def _prepare_stream(self) -> datetime | None:
        options = self.options
        try:
            info = await self._stream.stream_info(options.stream)
        except self._nats.js.errors.NotFoundError:
            info = await self._stream.add_stream(
                name=options.stream,
                subjects=[f"{options.subject_prefix}.>"],
                duplicate_window=options.duplicate_window,
                num_replicas=options.replicas,
            )
        if f"{options.subject_prefix}.>" not in info.config.subjects:
            subjects = ", ".join(info.config.subjects)
            raise MxGatewayConfigurationError(
                f"the stream {options.stream} has the subjects {subjects}, not {options.subject_prefix}.>"
            )
        self._lane.limit(info.config)
        sequence, last_id, when, position = info.state.last_seq, None, None, NO_POSITION
        last = await self._message_at(sequence) if info.state.messages else None
        if last is not None:
            headers: dict[str, str] = last.headers or {}
            last_id, position = headers.get(MESSAGE_ID), Position.of_headers(headers)
            when = position.received_time or last.time
        if self._last_sequence is not None and sequence > self._last_sequence and last_id not in self._sent:
            raise self._taken()
        if self._last_sequence is not None and sequence < self._last_sequence:
            self._gap = self._lost(self._last_sequence - sequence)
        is_first = self._last_sequence is None
        self._last_sequence, self._last_id, self._position = sequence, last_id, position
        if is_first:
            self._lane_state = await self._read_lane(position, when)
        return when

    async def _read_lane(self, position: Position, when: datetime | None) -> LaneState | None:
        options, stream = self.options, self._stream
        subject = f"{options.subject_prefix}.{LANE_LEVEL}"
        try:
            last = await stream.get_last_msg(options.stream, subject)
        except self._nats.js.errors.NotFoundError:
            return None
        contents = deque([last.data])
        for part in range(parts_of_lane(last.data) - 1, 0, -1):
            message = await self._message_at(last.seq - len(contents))
            if message is None or message.subject != f"{subject}.{part}":
                # The stream does not keep its messages for that long.
                return decode_lane([last.data], NO_POSITION, when)
            contents.appendleft(message.data)
        return decode_lane(contents, position, when)

    async def _message_at(self, sequence: int) -> Any:
        """Return a message of the stream, or None if the stream does not have it any more."""
        try:
            return await self._stream.get_msg(self.options.stream, seq=sequence)
        except self._nats.js.errors.NotFoundError:
            return None

    @contextlib.contextmanager
    def _errors(self, what: str) -> Generator[None]:
        try:
            yield
        except TimeoutError as error:
            # nats-py reports some reasons beside its calls, which then get no answer.
            if self._failure is None or not self._failure.done():
                raise BrokerUnavailableError(f"{what}: no answer within {self.options.timeout:g} s") from error
            raise self._error(what, self._failure.result()) from error
        except (self._nats.errors.Error, OSError) as error:
            raise self._error(what, error) from error

    def _error(self, what: str, error: Exception) -> Exception:
        if getattr(error, "err_code", None) == _ERROR_WRONG_LAST_SEQUENCE:
            return self._taken()
        reason = nats_reason(error)
        if "permissions violation" in reason.lower():
            return MxGatewayConfigurationError(f"{what}: {reason}: allow it to the account, or use other subjects")
        return BrokerUnavailableError(f"{what}: {reason}")

    def _lost(self, count: int) -> TagRecord:
        text = f"the stream {self.options.stream} has lost {count} messages that it had acknowledged"
        _logger.warning("%s", text)
        return TagRecord(kind=RecordKind.GAP, received_nanoseconds=time.time_ns(), detail=text)

    def _taken(self) -> StreamTakenError:
        facts = ErrorFacts(hint="give each forwarder a stream of its own, or the same lease")
        return StreamTakenError(f"another program writes to the stream {self.options.stream}", facts)


def _headers(kind: str, identity: str, position: Position) -> dict[str, str]:
    headers = {KIND: kind, MESSAGE_ID: identity}
    if position.received:
        headers[RECEIVED] = str(position.received)
    return headers
