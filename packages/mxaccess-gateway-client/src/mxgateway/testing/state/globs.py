"""Patterns with `*` and `?`, as the Galaxy and the limits of keys use them."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["matches_glob"]


def matches_glob(glob: str, text: str) -> bool:
    """Whether all of `text` matches `glob`, whatever the case. Brackets mean themselves: array names have them."""
    return _compiled(glob).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> re.Pattern[str]:
    pattern = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in glob)
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)
