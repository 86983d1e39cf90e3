"""What a test can see of a gateway's sessions: read-only, and as it was at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mxgateway.protocol import SessionState

__all__ = ["ItemView", "SessionView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """An item of a session.

    Attributes:
        server_handle: the server handle that it belongs to.
        item_handle: its own handle.
        definition: the full reference, with the `[]` that the gateway appended.
        advised: whether data changes were asked for.
        supervisory: whether they were asked for with AdviseSupervisory.
        suspended: whether Suspend halts them.
    """

    server_handle: int
    item_handle: int
    definition: str
    advised: bool
    supervisory: bool
    suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session.

    Attributes:
        session_id: `session-` and 32 hexadecimal digits.
        state: only a READY one takes commands and event streams.
        client_session_name: what the client called it.
        items: all that were added and not removed.
        streams: how many event streams it has, 0 or 1.
        pending_commands: how many commands run or wait.
        waiting_events: how many events wait to be sent.
        last_sequence: the `worker_sequence` of its last event.
    """

    session_id: str
    state: SessionState
    client_session_name: str
    items: tuple[ItemView, ...]
    streams: int
    pending_commands: int
    waiting_events: int
    last_sequence: int
