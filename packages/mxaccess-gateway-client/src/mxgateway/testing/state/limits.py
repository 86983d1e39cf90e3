"""The configurable limits and timeouts of a gateway."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits and timeouts of a gateway. The defaults are those of a real gateway, where they are known.

    Attributes:
        sessions: how many sessions may be open at the same time.
        pending_commands: how many commands of one session may run or wait.
        command_timeout: the timeout of a command, in seconds, if its session does not set one.
        session_lease: after how many seconds without a call and without an event stream a session is closed.
        stream_grace: how many seconds after the end of its last event stream a session is closed.
        queued_events: how many events the gateway queues for a slow subscriber.
        fault_on_overflow: whether an overflow of that queue faults the session, in addition to ending the stream.
        replay_events: how many events the gateway retains for a resume.
        replay_seconds: for how many seconds it retains them.
        message_bytes: the maximum size of a message, in each direction.
        known_closed_sessions: how many ids of closed sessions the gateway remembers.
        recorded_calls: how many calls `SimulatedGateway.calls` holds.
        recorded_bytes: the maximum total size of the requests of these calls; beyond it, fewer calls are held.
        buffered_samples: how many samples a buffered item collects before it drops the oldest.
    """

    sessions: int = 64
    pending_commands: int = 128
    command_timeout: float = 30.0
    session_lease: float = 1800.0
    stream_grace: float = 30.0
    queued_events: int = 10_000
    fault_on_overflow: bool = True
    replay_events: int = 1024
    replay_seconds: float = 300.0
    message_bytes: int = 16 * 1024 * 1024
    known_closed_sessions: int = 256
    recorded_calls: int = 1000
    recorded_bytes: int = 16 * 1024 * 1024
    buffered_samples: int = 1000
