"""The messages in which a lane keeps a session: JSON, in several parts if there are many tags."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, Final

from mxgateway.forwarding.lane import LaneState
from mxgateway.tags import SavedSession

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.forwarding.jetstream.headers import Position

__all__ = ["LANE_LEVEL", "LaneKeeper", "decode_lane", "encode_lane", "parts_of_lane"]

LANE_LEVEL: Final = "$lane"
"""The last level of the subject. No tag has it: a `$` in a name is encoded. Messages that continue in the next one have
the number of the part as a further level, so that a stream that keeps one message of each subject has them all."""

# A server accepts a megabyte by default, and its administrator may allow less. The rest is for the other fields.
_PART_OF_MESSAGE: Final = 0.5


def encode_lane(owner: str, session: SavedSession | None, max_bytes: int) -> list[bytes]:
    """Return the messages of a session, or of the fact that there is none, if a message has up to so many bytes."""
    head: dict[str, Any] = {"kind": "lane", "owner": owner, "session": None}
    handles: list[dict[str, int]] = [{}]
    if session is not None:
        head["session"] = {
            "endpoint": session.endpoint,
            "session_id": session.session_id,
            "server_handle": session.server_handle,
            "supervisory": session.supervisory,
        }
        size = 0
        for tag, handle in session.item_handles.items():
            more = len(json.dumps(tag, ensure_ascii=False).encode()) + 20
            size += more
            if size > _PART_OF_MESSAGE * max_bytes:
                handles.append({})
                size = more
            handles[-1][tag] = handle
    return [
        json.dumps(head | {"parts": len(handles), "item_handles": part}, ensure_ascii=False).encode()
        for part in handles
    ]


def parts_of_lane(last: bytes) -> int:
    """Return how many messages belong together, of which this is the last one."""
    parts: int = json.loads(last)["parts"]
    return parts


def decode_lane(messages: Sequence[bytes], position: Position, heard: datetime | None) -> LaneState:
    """Return what these messages say. A session that has no change in the stream cannot be continued."""
    parts: list[dict[str, Any]] = [json.loads(message) for message in messages]
    owner, session = parts[-1]["owner"], parts[-1]["session"]
    if session is None or heard is None or session["session_id"] != position.session_id:
        return LaneState(owner=owner, session=None)
    handles = {tag: handle for part in parts for tag, handle in part["item_handles"].items()}
    saved = SavedSession(**session, item_handles=handles, sequence=position.sequence, heard=heard)
    return LaneState(owner=owner, session=saved)


class LaneKeeper:
    """When to store the session again, because the stream will drop its messages.

    Attributes:
        contents: The messages of the session; empty before it is stored for the first time.
    """

    def __init__(self) -> None:
        self.contents: Sequence[bytes] = ()
        self._most_messages = math.inf
        self._most_seconds = math.inf
        self._sequence = 0
        self._when = 0.0

    def limit(self, config: Any) -> None:
        """Note for how long a stream with this configuration keeps its messages."""
        # Without a limit these are None, 0 or -1.
        messages, seconds = config.max_msgs or 0, config.max_age or 0
        self._most_messages = messages if messages > 0 else math.inf
        self._most_seconds = seconds if seconds > 0 else math.inf

    def saved(self, sequence: int) -> None:
        """Note that the messages are in the stream, the last one with this sequence."""
        self._sequence, self._when = sequence, time.monotonic()

    def is_due(self, sequence: int) -> bool:
        """Return whether half of what the stream keeps has followed, if the last message has this sequence."""
        return bool(self.contents) and (
            sequence - self._sequence > self._most_messages / 2
            or time.monotonic() - self._when > self._most_seconds / 2
        )
