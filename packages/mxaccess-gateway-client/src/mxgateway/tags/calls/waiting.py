"""Wait until a tag meets a condition."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final

from mxgateway._watching.items import WatchRestored
from mxgateway.errors import ErrorFacts, MxGatewayCommandError, MxGatewayError, MxGatewayTimeoutError
from mxgateway.status import MxStatusCategory
from mxgateway.tags.watches.changes import TagChange, TagRefused
from mxgateway.values.decoding import show_mx_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway.tags.supervisor import Supervisor
    from mxgateway.tags.watches.changes import WatchItem
    from mxgateway.tags.watches.watch import TagWatch

__all__ = ["MxGatewayWaitTimeoutError", "wait_for"]

# Statuses that do not end by themselves: the tag does not exist, or the user may not read it.
_FINAL: Final = frozenset({MxStatusCategory.CONFIGURATION_ERROR, MxStatusCategory.SECURITY_ERROR})


class MxGatewayWaitTimeoutError(MxGatewayTimeoutError):
    """A tag did not meet the condition of `TagClient.wait_for` in time.

    Attributes:
        last: The last change that arrived; None if none did.
    """

    def __init__(self, summary: str, facts: ErrorFacts | None = None, last: TagChange | None = None) -> None:
        super().__init__(summary, facts)
        self.last: TagChange | None = last

    def __reduce__(self) -> tuple[type[MxGatewayError], tuple[Any, ...]]:
        return type(self), (self.summary, self.facts, self.last)


async def wait_for(
    watch: TagWatch,
    predicate: Callable[[TagChange], object],
    *,
    any_quality: bool,
    seconds: float,
    supervisor: Supervisor,
    target: str,
) -> TagChange:
    """Return the first change of a watch with one tag for which the predicate is true. See `TagClient.wait_for`."""
    if not callable(predicate):
        raise TypeError(f"the predicate must be a function that takes a TagChange, not {type(predicate).__name__}")
    waiting = _Waiting(predicate, any_quality=any_quality, supervisor=supervisor, target=target)
    limit = asyncio.timeout(seconds)
    try:
        async with limit, watch:
            async for item in watch:
                change = waiting.examine(item)
                if change is not None:
                    return change
    except TimeoutError:
        if not limit.expired():
            # Raised by the predicate, or by the gateway.
            raise
    (tag,) = watch.tags
    raise waiting.timeout_error(tag, seconds)


class _Waiting:
    """The state of one wait."""

    def __init__(
        self, predicate: Callable[[TagChange], object], *, any_quality: bool, supervisor: Supervisor, target: str
    ) -> None:
        self._predicate = predicate
        self._any_quality = any_quality
        self._supervisor = supervisor
        self._target = target
        self._last: TagChange | None = None

    def examine(self, item: WatchItem) -> TagChange | None:
        """Return the change to return to the caller, if this item of the watch decides it.

        Raises:
            MxAccessError: the tag cannot have a value.
            MxGatewayCommandError: the gateway refused the tag.
        """
        if isinstance(item, TagRefused):
            facts = ErrorFacts(method="AddItemBulk", target=self._target)
            raise MxGatewayCommandError(f"{item.tag} was refused: {item.error_message}", facts)
        if isinstance(item, TagChange):
            self._last = item
            error = item.error
            if error is not None and any(status.category in _FINAL for status in error.statuses):
                raise error
        elif not (isinstance(item, WatchRestored) and item.resumed):
            return None
        # While the connection is lost, the last change may be outdated. If no change was missed, it counts again.
        last = self._last
        return last if last is not None and self._supervisor.lost is None and self._holds(last) else None

    def timeout_error(self, tag: str, seconds: float) -> MxGatewayWaitTimeoutError:
        """Return the error for a wait that took too long."""
        last = self._last
        if last is None:
            state = "no value arrived"
        else:
            state = f"the last value was {show_mx_value(last.raw.value)}, quality {last.quality}, time {last.timestamp}"
        lost = self._supervisor.lost
        if lost is not None:
            state += f", and the connection is lost: {lost.summary}"
        facts = ErrorFacts(
            method="wait_for", target=self._target, timeout=seconds, statuses=() if last is None else last.statuses
        )
        return MxGatewayWaitTimeoutError(f"{tag} did not meet the condition within {seconds:g} s: {state}", facts, last)

    def _holds(self, change: TagChange) -> bool:
        if not self._any_quality and (change.quality.is_bad or change.value is None):
            return False
        result = self._predicate(change)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError("the predicate must be a plain function: the result of a coroutine function is always true")
        return bool(result)
