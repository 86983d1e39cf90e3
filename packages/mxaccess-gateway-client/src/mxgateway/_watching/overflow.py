"""OverflowPolicy: what happens to a watch whose reader is too slow."""

from __future__ import annotations

from enum import Enum

from mxgateway.errors import MxGatewayConfigurationError

__all__ = ["DEFAULT_QUEUE_SIZE", "OverflowPolicy", "check_overflow", "check_queue_size"]

DEFAULT_QUEUE_SIZE = 10_000


class OverflowPolicy(Enum):
    """What happens to a watch whose reader is slower than its tags or alarms; other watches are not affected."""

    DROP_OLDEST = "drop-oldest"
    """Drop the oldest changes; a WatchGap in their place counts them."""

    LATEST = "latest"
    """Keep only the newest change of each tag or alarm, in the order in which they first changed. Nothing is reported.
    """

    RAISE = "raise"
    """End the watch with MxGatewayLimitError."""


def check_queue_size(size: int) -> int:
    """Return the size of a watch's queue.

    Raises:
        MxGatewayConfigurationError: It is less than 1.
    """
    if size < 1:
        raise MxGatewayConfigurationError(f"queue_size {size} is less than 1")
    return size


def check_overflow(policy: OverflowPolicy | str) -> OverflowPolicy:
    """Return the policy itself, or the one with this value.

    Raises:
        MxGatewayConfigurationError: It is neither a policy nor the value of one.
    """
    try:
        return OverflowPolicy(policy)
    except ValueError:
        names = ", ".join(repr(each.value) for each in OverflowPolicy)
    raise MxGatewayConfigurationError(f"invalid overflow policy {policy!r}: use an OverflowPolicy or one of {names}")
