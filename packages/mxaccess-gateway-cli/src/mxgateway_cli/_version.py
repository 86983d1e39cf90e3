"""The version of this package. A constant, because reading the installed metadata would dominate the start-up time."""

from typing import Final

__all__ = ["VERSION"]

VERSION: Final = "0.1.0"
