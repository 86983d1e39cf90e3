"""Items: the tags of the present session by their item handles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mxgateway.bulk import SubscribeResult
    from mxgateway.tags.subscriptions.subscription import Subscription

__all__ = ["Items"]


class Items:
    """The items of the present session. A tag that is added again has several for a while.

    Attributes:
        changes: How often they, or the session, have changed.
    """

    __slots__ = ("_by_handle", "changes")

    def __init__(self) -> None:
        self._by_handle: dict[int, Subscription] = {}
        self.changes: int = 0

    def __bool__(self) -> bool:
        return bool(self._by_handle)

    def find(self, handle: int) -> Subscription | None:
        """Return the tag of an item, or None if it is unknown or not of interest any more."""
        return self._by_handle.get(handle)

    def present(self) -> list[Subscription]:
        """Return the tags that have an item."""
        return [each for handle, each in self._by_handle.items() if each.handle == handle]

    def match(
        self, subscriptions: Sequence[Subscription], results: Sequence[SubscribeResult]
    ) -> dict[int, Subscription]:
        """Return the tags that were added by their new handles, and refuse the others."""
        added: dict[int, Subscription] = {}
        for subscription, result in zip(subscriptions, results, strict=True):
            handle = result.item_handle
            if not result.was_successful:
                subscription.refuse(result.error_message)
            elif handle == 0 or handle in added or not self._is_free(handle):
                subscription.refuse(f"the gateway returned the item handle {handle}, which is invalid or already used")
            else:
                added[handle] = subscription
        return added

    def register(self, added: Mapping[int, Subscription]) -> None:
        """Take in new items. The changes of a tag's former item count until the new one has its first value."""
        for subscription in added.values():
            if subscription.handle:
                subscription.formers = (*subscription.formers, subscription.handle)
        self._by_handle.update(added)
        self.changes += 1

    def unregister(self, added: Mapping[int, Subscription]) -> None:
        """Undo `register`."""
        self.forget(added)
        for subscription in added.values():
            subscription.formers = subscription.formers[:-1]

    def adopt(self, item_handles: Mapping[int, Subscription]) -> None:
        """Take in the items of another process."""
        self._by_handle.update(item_handles)
        self.changes += 1

    def leave_formers(self, subscription: Subscription, handle: int) -> None:
        """Ignore the former items of a tag from the first value of a later one on, which is a repeated one."""
        formers = subscription.formers
        if handle == formers[0]:
            return
        left = formers.index(handle) if handle in formers else len(formers)
        for former in formers[:left]:
            self._by_handle.pop(former, None)
        subscription.formers = formers[left:]
        subscription.repeated = True

    def forget(self, handles: Iterable[int]) -> None:
        """Ignore events of these handles from now on."""
        self.changes += 1
        for handle in handles:
            self._by_handle.pop(handle, None)

    def forget_tags(self, subscriptions: Sequence[Subscription]) -> None:
        """Ignore events of these tags from now on."""
        self.forget([handle for each in subscriptions for handle in (each.handle, *each.formers)])
        for subscription in subscriptions:
            subscription.handle = 0
            subscription.formers = ()

    def clear(self) -> None:
        """Forget all, because the session has ended."""
        self.changes += 1
        self._by_handle.clear()

    def _is_free(self, handle: int) -> bool:
        taken = self._by_handle.get(handle)
        if taken is None:
            return True
        if handle not in taken.formers:
            return False
        # The item that had this handle is removed, and nothing has arrived for its successor yet.
        taken.formers = tuple(each for each in taken.formers if each != handle)
        return True
