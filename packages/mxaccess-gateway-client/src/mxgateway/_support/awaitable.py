"""Objects that are opened by `await` or by `async with`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mxgateway._support.public_names import PublicNames
from mxgateway.errors import MxGatewayUsageError

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


class AwaitableContextManager(PublicNames, Generic[OpenedT]):
    """The result of a method such as `connect`, to be awaited or to be entered with `async with`.

    Each await opens a new object, which the caller closes. Entering opens a new object too, and leaving closes it.

    Entering raises MxGatewayUsageError if this object is entered already: call the method again for a second object.
    Using this object as if it were the opened one raises AttributeError, which says how to open it.
    """

    __slots__ = ("_call", "_entered", "_open", "_opened")

    def __init__(self, call: str, open_: Callable[[], Coroutine[Any, Any, OpenedT]]) -> None:
        # The call that returned this object, such as "GatewayClient.connect(...)", for messages.
        self._call = call
        # A function, not a coroutine: a coroutine that is never awaited would log a warning.
        self._open = open_
        self._opened: OpenedT | None = None
        self._entered = False

    if not TYPE_CHECKING:  # type checkers know that the opened object's attributes are not here

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name)
            raise AttributeError(
                f"{self._call} is not open yet and has no {name!r}: await it, or use async with {self._call} as ...",
                name=name,
            )

    def __repr__(self) -> str:
        return f"<{self._call}, not open yet: await it, or use async with>"

    def __await__(self) -> Generator[Any, Any, OpenedT]:
        return self._open().__await__()

    async def __aenter__(self) -> OpenedT:
        if self._entered:
            # There is one `_opened` to close. A second one would replace the first, which would then stay open.
            raise MxGatewayUsageError("this context manager is already entered: call the method that returned it again")
        self._entered = True
        try:
            self._opened = await self._open()
        except BaseException:
            self._entered = False
            raise
        return await self._opened.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        opened, self._opened, self._entered = self._opened, None, False
        if opened is not None:
            await opened.__aexit__(kind, error, traceback)
