"""Pictures in SVG."""

from __future__ import annotations

import re

__all__ = ["texts_of"]


def texts_of(picture: str) -> list[str]:
    """Return the texts of a picture, without its colours and places."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)
