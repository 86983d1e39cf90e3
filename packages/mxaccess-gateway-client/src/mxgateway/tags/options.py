"""TagOptions: how a TagClient works."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypedDict

from mxgateway._support.validation import check_seconds
from mxgateway.errors import MxGatewayConfigurationError

__all__ = ["OverflowPolicy", "TagOptions", "TagOptionsFields", "check_overflow", "check_queue_size"]


class OverflowPolicy(Enum):
    """What happens to a watch whose reader is slower than its tags; other watches are not affected."""

    DROP_OLDEST = "drop-oldest"
    """Drop the oldest changes; a WatchGap in their place counts them."""

    LATEST = "latest"
    """Keep only the newest change of each tag, in the order in which the tags first changed. Nothing is reported."""

    RAISE = "raise"
    """End the watch with MxGatewayLimitError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagOptions:
    """How a TagClient works.

    Attributes:
        client_name: The name to register with MXAccess.
        supervisory: Whether tags are advised as a supervisory client, under which the `user_id` of a write counts.
            This costs one round trip per tag instead of one for all tags.
        queue_size: The maximum number of changes that wait in a watch.
        overflow: What happens when more changes arrive. The value of a policy as a string, such as "latest", is
            accepted too.
        linger: Seconds for which a tag stays advised after its last watch or write has ended.
        reconnect_delay: Seconds before the first attempt to reconnect. Each further delay is twice as long.
        longest_reconnect_delay: The maximum delay between attempts to reconnect, in seconds.

    Raises:
        MxGatewayConfigurationError: A field is out of its range.
    """

    client_name: str
    supervisory: bool = False
    queue_size: int = 10_000
    overflow: OverflowPolicy = OverflowPolicy.DROP_OLDEST
    linger: float = 30.0
    reconnect_delay: float = 0.2
    longest_reconnect_delay: float = 15.0

    def __post_init__(self) -> None:
        check_queue_size(self.queue_size)
        # The class is frozen, and a program without a type checker may have passed a string.
        object.__setattr__(self, "overflow", check_overflow(self.overflow))
        for name in ("linger", "reconnect_delay", "longest_reconnect_delay"):
            check_seconds(name, getattr(self, name))


class TagOptionsFields(TypedDict, total=False):
    """The fields of TagOptions except the name, as keywords."""

    supervisory: bool
    queue_size: int
    overflow: OverflowPolicy
    linger: float
    reconnect_delay: float
    longest_reconnect_delay: float


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
