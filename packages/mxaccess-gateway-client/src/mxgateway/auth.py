"""The API key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, final

from mxgateway.redaction import REDACTED, Secret, SecretBytes, hide

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ApiKey"]

# So much of a key is in no text by chance; keys of a gateway have 43.
_LONG: Final = 16


@final
class ApiKey:
    """A gateway API key, `mxgw_<key-id>_<secret>`, that never shows itself.

    Its repr and str are redacted, it can't be pickled, and a copy is the same object. As long as it lives, no error of
    this library holds it. White space around the key is dropped, so that a key read from a file or pasted from a mail
    works.

    Raises:
        ValueError: the key is empty or no str, or holds characters that can't stand in a gRPC header. The text names
            the position, never the key.
    """

    __slots__ = ("_key", "_secret")

    def __init__(self, key: str) -> None:
        problem = _problem(key)
        if problem is None:
            self._key = Secret(key.strip())
            self._secret = hide(Secret(_secret_part(self._key.reveal())))
        # A traceback that shows local variables must not show it.
        del key
        if problem is not None:
            raise ValueError(problem)

    @classmethod
    def from_file(cls, path: str | Path) -> ApiKey:
        """Read a key from a text file that holds nothing else.

        Raises:
            OSError: the file can't be read.
            ValueError: it is empty or holds something that is no key.
        """
        from pathlib import Path  # noqa: PLC0415 - only a key that lies in a file needs it

        try:
            return cls(Path(path).read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError:
            problem = f"the API key file {path} is not a text file"
        raise ValueError(problem)

    def reveal(self) -> str:
        """Give the key itself, for the one place that sends it."""
        return self._key.reveal()

    @property
    def echo(self) -> bytes:
        """What a message holds in which a gateway echoes the key: its secret, or all of it where that is short."""
        secret, key = self._secret.reveal(), self._key.reveal()
        return SecretBytes((secret if len(secret) >= _LONG else key).encode("ascii"))

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
        raise TypeError("an ApiKey can't be pickled: it would leave the process in clear text")


def _problem(key: object) -> str | None:
    if not isinstance(key, str):
        return f"the API key is a {type(key).__name__}: give a str"
    key = key.strip()
    if not key:
        return "the API key is empty"
    for position, character in enumerate(key):
        if not "!" <= character <= "~":
            return f"no API key can have the character at position {position} (U+{ord(character):04X})"
    return None


def _secret_part(key: str) -> str:
    """Give what of a key must not be seen even without the parts before it; of a key of another shape that is all."""
    shape, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    return secret if shape == "mxgw" and key_id and secret else key
