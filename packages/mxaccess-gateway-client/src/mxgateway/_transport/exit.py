"""Clean up before the interpreter ends, because gRPC does not survive it in every state."""

from __future__ import annotations

import atexit
import gc
import weakref
from typing import Any, Final, Protocol

__all__ = ["live_channels", "live_readers"]


class _Reader(Protocol):
    def end_with_process(self) -> None: ...


live_channels: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
"""The channels of this process that are not freed."""

live_readers: Final[weakref.WeakSet[_Reader]] = weakref.WeakSet()
"""The reader threads of this process that have not ended."""


@atexit.register
def _clean_up() -> None:
    # A call that is still open keeps some versions of grpcio from ending.
    for reader in tuple(live_readers):
        reader.end_with_process()
    # A channel that only a reference cycle keeps would be freed while the interpreter ends. On Python 3.13 some older
    # versions of grpcio then wait for their own thread, which no longer runs.
    if live_channels:
        gc.collect()
