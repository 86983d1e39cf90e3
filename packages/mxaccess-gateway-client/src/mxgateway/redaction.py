"""Redact keys and passwords from errors, log records and incoming messages."""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import TYPE_CHECKING, Final, NoReturn, final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from re import Match
    from typing import Self

    from google.protobuf.message import Message

__all__ = ["REDACTED", "Secret", "SecretBytes", "hide", "redact", "redact_message", "shorten", "shows_secret"]

REDACTED: Final = "***"

# This many characters of a key do not occur by chance: the word that contains them is redacted.
_PART: Final = 6
# Passwords contain ordinary words. Redacting short parts would reveal which words a password contains.
_PART_OF_PASSWORD: Final = 12
_MOST_CHARACTERS: Final = 128 * 1024
# Of status texts from the gateway: long enough to understand, short enough not to flood a log.
_MAX_STATUS_TEXT_CHARACTERS: Final = 2000

# Everything that looks like a gateway key or a bearer token is redacted: a gateway may echo the key of another client.
# The patterns are strings, so that they are compiled on first use and not on import.
_KEY_SHAPE: Final = r"(?:mxgw_|bearer\s+)[^\s'\"`<>(){}\[\],;&]+"
_BETWEEN_WORDS: Final = frozenset(" \t\r\n'\"`<>(){}[],;:=&?")
# Escapes of one character: %5F, also encoded twice; \x5f, \u005f, \137, \", also in JSON in JSON; &#x5f; and &#95;.
_ESCAPE: Final = (
    r"%(?:25)*([0-9a-f]{2})|\\+x([0-9a-f]{2})|\\+u([0-9a-f]{4})|\\+([0-3][0-7]{2})|\\+([\"'\\/])"
    r"|&(?:amp;)*#x0*([0-9a-f]{1,4});|&(?:amp;)*#0*([0-9]{1,4});"
)
_BASES: Final = (16, 16, 16, 8, 0, 16, 10)
# Ignores case and the alphabet of base64.
_SAME: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ+/", "abcdefghijklmnopqrstuvwxyz-_")


@final
class Secret(str):
    """A text that is sent but never shown: its repr, str and format are redacted, and it cannot be pickled."""

    __slots__ = ("__weakref__", "_part", "_traces")
    _part: int
    _traces: _Traces

    def __new__(cls, text: str) -> Self:
        """Create a secret from a text, or from another secret."""
        secret = super().__new__(cls, text.reveal() if isinstance(text, Secret) else text)
        secret._part = _PART
        return secret

    @classmethod
    def password(cls, text: str) -> Self:
        """Create a secret that is redacted only as a whole, or in large parts if it is long."""
        secret = cls(text)
        secret._part = min(len(secret), max(_PART_OF_PASSWORD, len(secret) * 3 // 4))
        return secret

    def reveal(self) -> str:
        """Return the text itself, for the code that sends it."""
        return str.__str__(self)

    def traces_in(self, plain: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of the words in a plain text that contain a part of the secret."""
        try:
            traces = self._traces
        except AttributeError:
            traces = self._traces = _Traces(self.reveal(), self._part)
        return traces.found_in(plain)

    def __repr__(self) -> str:
        return f"'{REDACTED}'"

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, specification: str) -> str:
        return format(REDACTED, specification)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled: it would leave the process in clear text")


@final
class SecretBytes(bytes):
    """Secret bytes, whose repr and str are redacted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b'{REDACTED}'"

    def __str__(self) -> str:
        return repr(self)


# By identity, because two equal secrets have separate lifetimes.
_hidden: Final[WeakValueDictionary[int, Secret]] = WeakValueDictionary()


def hide(secret: Secret) -> Secret:
    """Let `redact` find this secret for as long as it exists, and return it."""
    _hidden[id(secret)] = secret
    return secret


def redact(text: str) -> str:
    """Return a text without secrets and without anything that looks like a gateway key or a bearer token.

    Found are whole secrets, and parts of a key of at least 6 characters, in upper and lower case, also if they are
    escaped for a URL, JSON, Python or HTML, or encoded in base64 or hexadecimal. The whole word is replaced by `***`. A
    secret of less than 6 characters is found only as a separate word. Text after the first 131,072 characters is
    removed, because searching more would block the event loop.
    """
    if len(text) > _MOST_CHARACTERS:
        return redact(text[:_MOST_CHARACTERS]) + REDACTED
    plain = _Plain(text)
    spans = [match.span() for match in re.finditer(_KEY_SHAPE, plain.text)]
    living = (reference() for reference in _hidden.valuerefs())
    for secret in {secret.reveal(): secret for secret in living if secret is not None}.values():
        spans += secret.traces_in(plain.text)
    pieces: list[str] = []
    kept = 0
    for start, end in sorted(map(plain.original, spans)):
        if start >= kept:
            pieces += [text[kept:start], REDACTED]
        kept = max(kept, end)
    return "".join([*pieces, text[kept:]])


def shorten(text: str) -> str:
    """Return a text of the gateway unchanged, or redacted and cut if it is longer than 2,000 characters."""
    if len(text) <= _MAX_STATUS_TEXT_CHARACTERS:
        return text
    # Redact before cutting: a cut could leave a piece of a secret that is too short to be found.
    end = f"... ({len(text)} characters)"
    return redact(text[: 2 * _MAX_STATUS_TEXT_CHARACTERS])[: _MAX_STATUS_TEXT_CHARACTERS - len(end)] + end


def shows_secret(text: str) -> bool:
    """Return True if a text was redacted, or would be."""
    return REDACTED in text or redact(text) != text


def redact_message(message: Message) -> None:
    """Redact all texts of a message in place, and discard fields that this version does not know.

    Texts after the first 131,072 characters of the message are removed, because searching more would block the event
    loop.
    """
    message.DiscardUnknownFields()
    _redact_fields(message, _BoundedLook().redact)


def _redact_fields(message: Message, redact: Callable[[str], str]) -> None:
    from google.protobuf.message import Message  # noqa: PLC0415 - importing redaction must not load protobuf

    for field, value in message.ListFields():
        if isinstance(value, Message):
            _redact_fields(value, redact)
        elif isinstance(value, str):
            setattr(message, field.name, redact(value))
        elif isinstance(value, bytes):
            setattr(message, field.name, _redacted_bytes(value, redact))
        elif field.type == field.TYPE_MESSAGE:
            for part in value:
                _redact_fields(part, redact)
        elif field.type == field.TYPE_STRING:
            value[:] = map(redact, value)
        elif field.type == field.TYPE_BYTES:
            value[:] = [_redacted_bytes(each, redact) for each in value]


def _redacted_bytes(value: bytes, redact: Callable[[str], str]) -> bytes:
    return redact(value.decode("latin-1")).encode("latin-1")


class _BoundedLook:
    """Redacts the texts of one message: equal texts once, and up to a limit."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {"": ""}
        self._left = _MOST_CHARACTERS

    def redact(self, text: str) -> str:
        """Return a text without secrets."""
        if text not in self._seen:
            self._left -= len(text)
            self._seen[text] = redact(text) if self._left > 0 else REDACTED
        return self._seen[text]


@final
class _Traces:
    """Hashes of the parts that reveal a secret. The secret itself is not kept."""

    __slots__ = ("_alone", "_parts")

    def __init__(self, secret: str, part: int) -> None:
        plain = _Plain(secret).text
        data = secret.encode("utf-8", "surrogatepass")
        hexadecimal = [f"{byte:02x}" for byte in data]
        # The second form is UTF-8 that is escaped byte by byte.
        forms: list[tuple[Sequence[str], str, int]] = [
            (plain, "", part),
            (_Plain(data.decode("latin-1")).text, "", part),
        ]
        # The number of base64 characters that depend only on this many bytes, at any of the three alignments.
        forms += [(_base64(data, before), "", (part * 8 - 4) // 6) for before in range(3)]
        forms += [(hexadecimal, separator, part) for separator in ("", " ", ":", "-")]
        parts: dict[int, set[int]] = {}
        for units, separator, size in forms if len(plain) >= _PART else ():
            for each in _windows(units, separator, min(size, len(units))):
                parts.setdefault(len(each), set()).add(hash(each))
        self._parts = {length: frozenset(hashes) for length, hashes in parts.items()}
        self._alone = {len(plain): hash(plain)} if 0 < len(plain) < _PART else {}

    def found_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of the words in a plain text that contain a part of the secret."""
        for length, hashes in self._parts.items():
            starts = range(len(text) - length + 1)
            found = 0
            for start in [start for start in starts if hash(text[start : start + length]) in hashes]:
                if start + length > found:
                    begin, found = _word_around(text, start, start + length)
                    yield begin, found
        for length, alone in self._alone.items():
            for start in range(len(text) - length + 1):
                end = start + length
                if hash(text[start:end]) == alone and not _is_inside_a_word(text, start, end):
                    yield start, end


@final
class _Plain:
    """A text with its escapes decoded, and the place of each character in the original.

    Attributes:
        text: The decoded text, only for comparison with other decoded texts.
    """

    __slots__ = ("_shifts", "text")

    def __init__(self, text: str) -> None:
        text = text.translate(_SAME)
        # Places in the plain text, and from there on the distance to the place in the original.
        self._shifts: list[tuple[int, int]] = []
        pieces: list[str] = []
        end = length = 0
        for match in re.finditer(_ESCAPE, text):
            pieces += [text[end : match.start()], _unescaped(match).translate(_SAME)]
            length += match.start() - end + 1
            end = match.end()
            self._shifts.append((length, end - length))
        self.text = "".join([*pieces, text[end:]])

    def original(self, span: tuple[int, int]) -> tuple[int, int]:
        """Return the span of the original text for a span of the plain text."""
        start, end = span
        return start + self._shift(start), end + self._shift(end)

    def _shift(self, place: int) -> int:
        return next((shift for begin, shift in reversed(self._shifts) if begin <= place), 0)


def _unescaped(match: Match[str]) -> str:
    group = match.lastindex or 0
    digits, base = match[group], _BASES[group - 1]
    return chr(int(digits, base)) if base else digits


def _base64(data: bytes, before: int) -> str:
    """Return the part of a base64 text that depends only on the data, if `before` bytes precede it."""
    encoded = b2a_base64(bytes(before) + data, newline=False).decode("ascii").translate(_SAME)
    return encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]


def _windows(units: Sequence[str], separator: str, size: int) -> Iterator[str]:
    return (separator.join(units[start : start + size]) for start in range(len(units) - size + 1))


def _word_around(text: str, start: int, end: int) -> tuple[int, int]:
    while start and text[start - 1] not in _BETWEEN_WORDS:
        start -= 1
    while end < len(text) and text[end] not in _BETWEEN_WORDS:
        end += 1
    return start, end


def _is_inside_a_word(text: str, start: int, end: int) -> bool:
    return any(map(str.isalnum, text[max(start - 1, 0) : start] + text[end : end + 1]))
