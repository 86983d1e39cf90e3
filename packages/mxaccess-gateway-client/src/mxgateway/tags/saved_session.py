"""SavedSession: what another process needs to continue the session of a TagClient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["SavedSession"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSession:
    """The session of a TagClient, which a TagClient in another process can continue with `TagClient.resume`.

    Events name their item by a handle, which only this session knows.

    Attributes:
        endpoint: The gateway that has the session, `host:port`.
        session_id: The id of the session.
        server_handle: The server handle that registering with MXAccess returned.
        supervisory: Whether the tags are advised as a supervisory client.
        item_handles: The item handle of each advised tag.
        sequence: The `worker_sequence` of the last event that needs no repetition. 0 cannot be resumed after.
        heard: When that event arrived, in UTC.
    """

    endpoint: str
    session_id: str
    server_handle: int
    supervisory: bool
    item_handles: Mapping[str, int]
    sequence: int
    heard: datetime
