"""TagOptions: how a TagClient works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from mxgateway._support.validation import check_seconds
from mxgateway._watching.overflow import DEFAULT_QUEUE_SIZE, OverflowPolicy, check_overflow, check_queue_size
from mxgateway._watching.recovery import DEFAULT_LONGEST_RECONNECT_DELAY, DEFAULT_RECONNECT_DELAY

__all__ = ["TagOptions", "TagOptionsFields"]


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
        failover_after: If the client has several `endpoints`: seconds after a loss for which only the same gateway is
            tried. After that all of them are, beginning with the next one.

    Raises:
        MxGatewayConfigurationError: A field is out of its range.
    """

    client_name: str
    supervisory: bool = False
    queue_size: int = DEFAULT_QUEUE_SIZE
    overflow: OverflowPolicy = OverflowPolicy.DROP_OLDEST
    linger: float = 30.0
    reconnect_delay: float = DEFAULT_RECONNECT_DELAY
    longest_reconnect_delay: float = DEFAULT_LONGEST_RECONNECT_DELAY
    failover_after: float = 30.0

    def __post_init__(self) -> None:
        check_queue_size(self.queue_size)
        # The class is frozen, and a program without a type checker may have passed a string.
        object.__setattr__(self, "overflow", check_overflow(self.overflow))
        for name in ("linger", "reconnect_delay", "longest_reconnect_delay", "failover_after"):
            check_seconds(name, getattr(self, name))


class TagOptionsFields(TypedDict, total=False):
    """The fields of TagOptions except the name, as keywords."""

    supervisory: bool
    queue_size: int
    overflow: OverflowPolicy
    linger: float
    reconnect_delay: float
    longest_reconnect_delay: float
    failover_after: float
