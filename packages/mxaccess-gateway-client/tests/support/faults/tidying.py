"""Freeing what a process no longer needs, so that what it holds can be measured."""

from __future__ import annotations

import ctypes
import gc
import sys


def tidy_memory() -> None:
    """Free what nobody refers to, and give it back to the system where the C library knows how."""
    gc.collect()
    if sys.platform == "linux":
        give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if give_back is not None:
            give_back(0)
