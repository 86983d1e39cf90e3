"""LineProtocolSink: records in InfluxDB's line protocol, for Telegraf and pipes."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, BinaryIO, Final

from mxgateway.recording.row import row_of, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.recording.record import TagRecord
    from mxgateway.values import MxValueOutput

__all__ = ["LineProtocolSink"]

_KEY_ESCAPES: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n"})
_TEXT_ESCAPES: Final = str.maketrans({'"': r"\"", "\\": r"\\"})


class LineProtocolSink:
    """Writes InfluxDB line protocol to a stream, such as stdout for Telegraf's `execd`.

    A change is a point of the measurement `mxgateway` with the tag `tag` and one of the fields `integer`, `real`,
    `boolean` or `text` for its value, beside `quality`; its time is the source's, in nanoseconds. A loss is a point of
    the measurement `mxgateway_status`. Durable: written to the stream.

    Args:
        stream: Where the lines are written. It is not closed.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    async def open(self) -> datetime | None:
        """Return None: what the reader of the stream has is unknown."""
        return None

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Write a line for each record.

        Raises:
            OSError: The reader of the stream has gone away.
        """
        await asyncio.to_thread(self._write, "".join([_line(record) for record in records]).encode())

    async def close(self) -> None:
        """Leave the stream open."""

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()


def _line(record: TagRecord) -> str:
    row = row_of(record)
    tag = f",tag={row.tag.translate(_KEY_ESCAPES)}" if row.tag else ""
    if row.kind != "change":
        return f"mxgateway_status,kind={row.kind}{tag} detail={_quoted(row.detail)} {record.received_nanoseconds}\n"
    source = record.event.source_timestamp
    nanoseconds = record.received_nanoseconds if row.source_time is None else source.seconds * 10**9 + source.nanos
    fields = [f"quality={row.quality}i", f"repeated={str(bool(row.repeated)).lower()}"]
    if row.value is not None:
        fields.insert(0, _field(row.value))
    if row.detail:
        fields.append(f"detail={_quoted(row.detail)}")
    return f"mxgateway{tag} {','.join(fields)} {nanoseconds}\n"


def _field(value: MxValueOutput) -> str:
    if isinstance(value, bool):
        return f"boolean={str(value).lower()}"
    if isinstance(value, int):
        return f"integer={value}i"
    if isinstance(value, float) and math.isfinite(value):
        return f"real={value!r}"
    return f"text={_quoted(text_of(value))}"


def _quoted(text: str) -> str:
    return f'"{text.translate(_TEXT_ESCAPES)}"'
