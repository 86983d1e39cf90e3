"""A thing that is opened by awaiting it or by entering it: `await connect()` and `async with connect()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import TracebackType
    from typing import Any, Self

__all__ = ["AwaitableContextManager"]


class _Closable(Protocol):
    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


OpenedT = TypeVar("OpenedT", bound=_Closable)


class AwaitableContextManager(Generic[OpenedT]):
    """Opens when it is awaited or entered, each time anew; entered, it also closes on exit."""

    __slots__ = ("_open", "_opened")

    def __init__(self, open_: Callable[[], Coroutine[Any, Any, OpenedT]]) -> None:
        # A function, not a coroutine: one that is never awaited must not warn.
        self._open = open_
        self._opened: OpenedT | None = None

    def __await__(self) -> Generator[Any, Any, OpenedT]:
        return self._open().__await__()

    async def __aenter__(self) -> OpenedT:
        self._opened = await self._open()
        return await self._opened.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(kind, error, traceback)
