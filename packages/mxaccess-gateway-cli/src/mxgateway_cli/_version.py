"""The version of this package, known without the installed metadata, which takes longer to ask than all the rest."""

from typing import Final

__all__ = ["VERSION"]

VERSION: Final = "0.1.0"
