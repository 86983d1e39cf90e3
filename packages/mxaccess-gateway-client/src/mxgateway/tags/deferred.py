"""A coroutine that needs no task: whoever gathers a thousand of them doesn't pay for a thousand tasks."""

from __future__ import annotations

import asyncio
import inspect
import sys
import warnings
from abc import abstractmethod
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Context
    from types import TracebackType
    from typing import Self

__all__ = ["Deferred", "coroutine_function"]

ResultT = TypeVar("ResultT")
FunctionT = TypeVar("FunctionT", bound="Callable[..., Coroutine[Any, Any, Any]]")

_BLOCKING: Final[Any] = vars(asyncio.Future)["_asyncio_future_blocking"]


class Deferred(asyncio.Future[ResultT], Coroutine[Any, Any, ResultT]):
    """Something that begins when somebody waits for it, as a coroutine does, and goes on without a task of its own.

    To asyncio it is both. As a coroutine it can be awaited and made a task of, now or later. As a future
    `asyncio.gather`, `wait_for` and `shield` take it as it is, which costs a third of what a task costs.
    """

    __slots__ = ("_begun",)

    # What asyncio calls it where it shows what a task does.
    __name__: str

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._begun = False

    @abstractmethod
    def begin(self) -> None:
        """Somebody waits for it from now on. What this raises is its outcome."""

    @abstractmethod
    def leave(self) -> None:
        """Nobody waits for it any more, and it isn't done: it was cancelled."""

    def __await__(self) -> Generator[Any, None, ResultT]:
        if not self._begun:
            self._begin_once()
        return super().__await__()

    def add_done_callback(self, fn: Callable[[Self], object], /, *, context: Context | None = None) -> None:
        """Begin, and call `fn` when it is done."""
        if not self._begun:
            self._begin_once()
        super().add_done_callback(fn, context=context)

    def cancel(self, msg: Any | None = None) -> bool:
        """Wait for it no longer; False when it is done already."""
        cancelled = super().cancel(msg)
        if cancelled and self._begun:
            self.leave()
        self._begun = True
        return cancelled

    def send(self, value: Any, /) -> Any:
        """Do a step of the task that it was made: wait for it, or end with what it came to."""
        return self.__await__().send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any:
        """Give it up, and raise an error in the task that it was made. What has not begun then never does."""
        self.cancel()
        error = value if isinstance(value, BaseException) else kind
        if isinstance(error, type):
            error = error()
        raise error if traceback is None else error.with_traceback(traceback)

    def close(self) -> None:
        """Give it up. What has not begun then never does."""
        self.cancel()

    def _begin_once(self) -> None:
        self._begun = True
        try:
            self.begin()
        except Exception as error:  # noqa: BLE001 - it is the outcome, for whoever waits
            self.set_exception(error)

    def _get_blocking(self) -> bool:
        if not self._begun:
            self._begin_once()
        blocking: bool = _BLOCKING.__get__(self)
        return blocking

    # asyncio looks at this where it takes something over as a future, `ensure_future` for one. What it takes over as a
    # coroutine it makes a task of: either way it begins.
    _asyncio_future_blocking = cast("bool", property(_get_blocking, _BLOCKING.__set__))

    def __del__(self) -> None:
        if not self._begun:
            # A write that is not awaited is not written: whoever forgot it must hear of it, as of any coroutine.
            warnings.warn(f"coroutine {self.__name__!r} was never awaited", RuntimeWarning, stacklevel=2, source=self)
        super().__del__()


def coroutine_function(function: FunctionT) -> FunctionT:
    """Let inspect and unittest.mock take a function for what it is to its callers: one that is to be awaited."""
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(function)
    vars(function)["_is_coroutine"] = vars(asyncio.coroutines)["_is_coroutine"]
    return function
