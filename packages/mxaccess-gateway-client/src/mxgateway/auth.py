"""The API key: the one place that shows it to the gateway, and the ones that keep it from everybody else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn, final

import grpc.aio

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["ApiKey", "AuthorizationMetadata", "Redactor"]

REDACTED = "***"

# Whatever looks like a gateway key or a bearer token goes, even one that is not ours: a gateway may echo another's.
_KEY_SHAPES = re.compile(r"mxgw_[A-Za-z0-9_\-.~+/=]+|(?i:bearer)\s+[^\s'\",;)]+")


@final
class ApiKey:
    """A gateway API key, `mxgw_<key-id>_<secret>`, that never shows itself.

    Its repr and str are redacted, it can't be pickled, and a copy is the same object. White space around the key is
    dropped, so that a key read from a file or pasted from a mail works.

    Raises:
        ValueError: the key is empty, or holds characters that can't stand in a gRPC header. The text names
            the position, never the key.
    """

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        key = key.strip()
        if not key:
            raise ValueError("the API key is empty")
        for position, character in enumerate(key):
            if not "!" <= character <= "~":
                code_point = f"U+{ord(character):04X}"
                raise ValueError(f"no API key can have the character at position {position} ({code_point})")
        self._key = key

    @classmethod
    def from_file(cls, path: str | Path) -> ApiKey:
        """Read a key from a text file that holds nothing else.

        Raises:
            OSError: the file can't be read.
            ValueError: it is empty or holds something that is no key.
        """
        from pathlib import Path  # noqa: PLC0415 - only a key that lies in a file needs it

        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            text = None
        if text is None:
            raise ValueError(f"the API key file {path} is not a text file")
        return cls(text)

    def reveal(self) -> str:
        """Give the key itself, for the one place that sends it."""
        return self._key

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


class AuthorizationMetadata(grpc.aio.Metadata):
    """The metadata of every call, with a repr that a log or a traceback with locals may show."""

    def __init__(self, api_key: ApiKey | None) -> None:
        if api_key is None:
            super().__init__()
        else:
            super().__init__(("authorization", f"Bearer {api_key.reveal()}"))

    def __repr__(self) -> str:
        return f"AuthorizationMetadata('{REDACTED}')"


@final
class Redactor:
    """Replaces known secrets, and everything shaped like a gateway key, in text that came from outside."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: a secret that holds another one must not leave its rest behind.
        self._secrets = tuple(sorted({secret for secret in secrets if secret}, key=len, reverse=True))

    @classmethod
    def for_key(cls, api_key: ApiKey | None) -> Redactor:
        """Redact a key, and what follows its first parts where they are written without it."""
        if api_key is None:
            return cls()
        key = api_key.reveal()
        _, _, rest = key.partition("_")
        _, _, secret = rest.partition("_")
        return cls((key, secret))

    def including(self, *secrets: str) -> Redactor:
        """Give a redactor that knows further secrets, a password for example."""
        return Redactor((*self._secrets, *secrets))

    def __call__(self, text: str) -> str:
        """Give the text without any secret."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return _KEY_SHAPES.sub(REDACTED, text)

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"
