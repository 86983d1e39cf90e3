"""The messages in which a lane keeps a session: JSON, in several parts if there are many tags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from mxgateway.forwarding.lane import LaneState
from mxgateway.tags import SavedSession

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.forwarding.jetstream.headers import Position

__all__ = ["LANE_LEVEL", "decode_lane", "encode_lane", "parts_of_lane"]

LANE_LEVEL: Final = "$lane"
"""The last level of the subject. No tag has it: a `$` in a name is encoded."""

# A server accepts a megabyte by default.
_BYTES_PER_PART: Final = 500_000


def encode_lane(owner: str, session: SavedSession | None) -> list[bytes]:
    """Return the messages of a session, or of the fact that there is none."""
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
            size += 4 * len(tag) + 20
            if size > _BYTES_PER_PART:
                handles.append({})
                size = 0
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
