"""Read-only snapshots of the sessions, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mxgateway.protocol import SessionState

__all__ = ["ItemView", "SessionView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """A snapshot of one item of a session.

    Attributes:
        server_handle: the server handle of the item.
        item_handle: the handle of the item.
        definition: the full reference, with any `[]` that the gateway appended.
        advised: whether the item is advised.
        supervisory: whether it is advised with AdviseSupervisory.
        suspended: whether its data changes are suspended.
    """

    server_handle: int
    item_handle: int
    definition: str
    advised: bool
    supervisory: bool
    suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A snapshot of one session.

    Attributes:
        session_id: `session-` and 32 hexadecimal digits.
        state: the state of the session. Only a READY session accepts commands and event streams.
        client_session_name: the name that the client gave the session.
        items: the items that were added and not removed.
        streams: the number of open event streams, 0 or 1.
        pending_commands: the number of commands that run or wait.
        waiting_events: the number of events that are queued for sending.
        last_sequence: the `worker_sequence` of the last event.
    """

    session_id: str
    state: SessionState
    client_session_name: str
    items: tuple[ItemView, ...]
    streams: int
    pending_commands: int
    waiting_events: int
    last_sequence: int
