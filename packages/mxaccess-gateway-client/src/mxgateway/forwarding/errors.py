"""Errors of brokers: one that passes, and those that do not."""

from __future__ import annotations

from mxgateway.errors import MxGatewayError

__all__ = ["BrokerUnavailableError", "LeaseLostError", "StreamTakenError"]


class BrokerUnavailableError(OSError):
    """The broker is away or refuses messages: a Forwarder keeps the records and tries again."""


class LeaseLostError(MxGatewayError):
    """Another process has acquired the lease: a Forwarder ends at once, and leaves the session to that process."""


class StreamTakenError(MxGatewayError):
    """Another program writes to the stream, which has a single writer: a Forwarder ends, and stores nothing more."""
