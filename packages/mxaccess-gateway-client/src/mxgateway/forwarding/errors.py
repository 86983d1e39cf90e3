"""Errors of brokers: one that passes, and one that does not."""

from __future__ import annotations

from mxgateway.errors import MxGatewayError

__all__ = ["BrokerUnavailableError", "StreamTakenError"]


class BrokerUnavailableError(OSError):
    """The broker is away or refuses messages: a Forwarder keeps the records and tries again."""


class StreamTakenError(MxGatewayError):
    """Another program writes to the stream, which has a single writer: a Forwarder ends, and stores nothing more."""
