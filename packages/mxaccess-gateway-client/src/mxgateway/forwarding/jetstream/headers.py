"""The headers of messages: what identifies a message, and how far the changes in the stream reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from mxgateway.recording import RecordKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway.recording import TagRecord

__all__ = ["EXPECTED_LAST_SEQUENCE", "KIND", "MESSAGE_ID", "NO_POSITION", "POSITION", "RECEIVED", "Position"]

MESSAGE_ID: Final = "Nats-Msg-Id"
EXPECTED_LAST_SEQUENCE: Final = "Nats-Expected-Last-Sequence"
KIND: Final = "Mxgateway-Kind"
POSITION: Final = "Mxgateway-Position"
"""In messages whose id does not say it: the last change that the stream has with this message."""
RECEIVED: Final = "Mxgateway-Received"
"""When the forwarder received the last record that the stream has with this message, in nanoseconds since 1970."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Position(NamedTuple):
    """How far a stream reaches.

    Attributes:
        session_id: The session of the last change; empty if there is none.
        sequence: Its sequence in the session.
        received: When the last record was received, in nanoseconds since 1970; 0 if that is unknown.
    """

    session_id: str = ""
    sequence: int = 0
    received: int = 0

    @property
    def received_time(self) -> datetime | None:
        """When the last record was received, in UTC; None if that is unknown."""
        return _EPOCH + timedelta(microseconds=self.received // 1000) if self.received else None

    def __str__(self) -> str:
        return f"{self.session_id}:{self.sequence}"

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> Position:
        """Return the position that the headers of a message tell."""
        text = headers.get(POSITION)
        if text is None and headers.get(KIND) == RecordKind.CHANGE:
            text = headers.get(MESSAGE_ID)
        received = headers.get(RECEIVED, "")
        nanoseconds = int(received) if received.isdecimal() else 0
        session_id, _, sequence = (text or "").rpartition(":")
        return cls(session_id, int(sequence), nanoseconds) if sequence.isdecimal() else cls(received=nanoseconds)

    def after(self, records: Sequence[TagRecord]) -> Position:
        """Return the position when these records are in the stream too."""
        received = records[-1].received_nanoseconds if records else self.received
        for record in reversed(records):
            if record.kind is RecordKind.CHANGE:
                return Position(record.session_id, record.sequence, received)
        return Position(self.session_id, self.sequence, received)

    def not_stored(self, records: Sequence[TagRecord]) -> Sequence[TagRecord]:
        """Return the records after those that are in the stream already."""
        for record in records:
            if record.session_id == self.session_id and record.sequence > 0 and not record.repeated:
                if record.sequence > self.sequence:
                    # So are all that follow.
                    return records
                break
        for index in range(len(records) - 1, -1, -1):
            record = records[index]
            if record.session_id == self.session_id and 0 < record.sequence <= self.sequence and not record.repeated:
                return records[index + 1 :]
        return records


NO_POSITION: Final = Position()
