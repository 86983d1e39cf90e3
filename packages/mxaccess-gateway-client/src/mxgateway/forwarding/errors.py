"""BrokerUnavailableError: records cannot be delivered at present."""

from __future__ import annotations

__all__ = ["BrokerUnavailableError"]


class BrokerUnavailableError(OSError):
    """The broker is away or refuses messages: a Forwarder keeps the records and tries again."""
