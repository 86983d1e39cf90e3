"""The API key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn, final

from mxgateway.redaction import REDACTED, Secret, SecretBytes, hide
from mxgateway.text_files import decode_text

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ApiKey"]

# A text does not contain this many characters of a key by chance. The secret part of a gateway's key has 43.
_MIN_DISTINCTIVE_CHARACTERS: Final = 16

# Characters that editors and shells put around a text. A key has none of them.
_QUOTES: Final = frozenset("\"'`\u2018\u2019\u201a\u201c\u201d\u201e")
# What people copy together with a key. The patterns are strings: re compiles them when they are first used.
_SCHEME: Final = r"(?i)(?:authorization:\s*)?bearer\s"
_ASSIGNMENT: Final = r"(?i)(?:export\s+|set\s+|\$env:)?MXGATEWAY_API_KEY\s*="


@final
class ApiKey:
    """A gateway API key, `mxgw_<key-id>_<secret>`, that is never displayed.

    Its repr and str are redacted, it cannot be pickled, and copying it returns the same object. As long as the object
    exists, no error of this library holds the key. Whitespace around the key is removed, so that a key read from a
    file or pasted from an email works.

    Raises:
        ValueError: the key is empty, not a str, or has a character that a gRPC header cannot carry. The message gives
            the position of the character, never the key.
    """

    __slots__ = ("_key", "_secret")

    def __init__(self, key: str) -> None:
        problem = _problem(key)
        if problem is None:
            self._key = Secret(key.strip())
            self._secret = hide(Secret(_secret_part(self._key.reveal())))
        # A traceback that shows local variables must not show the key.
        del key
        if problem is not None:
            raise ValueError(problem)

    @classmethod
    def from_file(cls, path: str | Path) -> ApiKey:
        """Read a key from a text file that contains nothing else, in UTF-8 or UTF-16 (as PowerShell's `>` writes it).

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is empty, is not a text file, or does not contain a valid key.
        """
        from pathlib import Path  # noqa: PLC0415 - needed only for a key in a file

        return cls(decode_text(Path(path).read_bytes(), "the API key file"))

    def reveal(self) -> str:
        """Return the key itself, for the one place that sends it."""
        return self._key.reveal()

    @property
    def echo(self) -> bytes:
        """The bytes that show that a message echoes the key: its secret part, or the whole key if that part is short.

        They are never displayed.
        """
        secret, key = self._secret.reveal(), self._key.reveal()
        return SecretBytes((secret if len(secret) >= _MIN_DISTINCTIVE_CHARACTERS else key).encode("ascii"))

    def __repr__(self) -> str:
        return f"ApiKey('{REDACTED}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __copy__(self) -> ApiKey:
        return self

    def __deepcopy__(self, memo: object) -> ApiKey:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an ApiKey cannot be pickled: it would leave the process in clear text")


def _problem(key: object) -> str | None:
    if not isinstance(key, str):
        return f"the API key must be a str, not {type(key).__name__}"
    key = key.strip()
    if not key:
        return "the API key is empty"
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        return "the API key is in quotes: remove the quotes"
    if re.match(_SCHEME, key):
        return "the API key starts with 'Bearer ', which the client adds itself: remove it"
    if re.match(_ASSIGNMENT, key):
        return "the API key starts with the name of a variable: keep only what is behind the '='"
    for position, character in enumerate(key):
        if not "!" <= character <= "~":
            return f"the API key has an invalid character at position {position} (U+{ord(character):04X})"
    return None


def _secret_part(key: str) -> str:
    """Return the part of a key that must stay secret even by itself; of a key in another form, the whole key."""
    shape, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    return secret if shape == "mxgw" and key_id and secret else key
