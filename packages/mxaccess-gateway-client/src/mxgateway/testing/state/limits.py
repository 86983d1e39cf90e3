"""The numbers of a gateway, as it comes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a gateway takes, and how long it waits. The defaults are a real gateway's, where these are known.

    Attributes:
        sessions: how many sessions may be open.
        pending_commands: how many commands of one session may wait or run.
        command_timeout: how long a command may take when its session says nothing else, in seconds.
        session_lease: how long a session lives that nobody calls and nobody streams from, in seconds.
        stream_grace: how long a session lives after its last event stream went away, in seconds.
        queued_events: how many events wait for a subscriber that doesn't keep up.
        fault_on_overflow: whether a session whose events overflow is lost, and not only its stream.
        replay_events: how many events are retained for a resume.
        replay_seconds: how long they are retained, in seconds.
        message_bytes: how large a message may be, each way.
        known_closed_sessions: of how many ended sessions the gateway still knows the id.
        recorded_calls: how many calls `SimulatedGateway.calls` holds.
        recorded_bytes: how large the requests of these calls may be together; then it holds fewer.
        buffered_samples: how many samples one buffered item collects before it drops the oldest.
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
