"""Keep API keys and passwords out of errors, logs and incoming messages."""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import TYPE_CHECKING, Final, NoReturn, final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from re import Match
    from typing import Any, Self

    from google.protobuf.message import Message

__all__ = [
    "REDACTED",
    "Secret",
    "SecretBytes",
    "discard_unknown_fields",
    "hide",
    "redact",
    "redact_message",
    "shorten",
    "shows_secret",
]

REDACTED: Final = "***"

# A text does not contain this many characters of a key by chance: the word around them is redacted.
_MIN_KEY_CHARACTERS: Final = 6
# Passwords contain ordinary words. Redacting short fragments would reveal which words a password contains.
_MIN_PASSWORD_CHARACTERS: Final = 12
_MAX_TEXT_CHARACTERS: Final = 128 * 1024
# Status texts from the gateway: long enough to understand, short enough not to flood a log.
_MAX_STATUS_TEXT_CHARACTERS: Final = 2000

# Everything in the form of a gateway key or a bearer token is redacted, because a gateway may echo the key of another
# client. The patterns are strings: re compiles them when they are first used, so that the import takes no time.
_KEY_PATTERN: Final = r"(?:mxgw_|bearer\s+)[^\s'\"`<>(){}\[\],;&]+"
_WORD_SEPARATORS: Final = frozenset(" \t\r\n'\"`<>(){}[],;:=&?")
# Ways to escape one character: %5F, also encoded twice; \x5f, \u005f, \137, \", also in JSON in JSON; &#x5f; and &#95;.
_ESCAPE: Final = (
    r"%(?:25)*([0-9a-f]{2})|\\+x([0-9a-f]{2})|\\+u([0-9a-f]{4})|\\+([0-3][0-7]{2})|\\+([\"'\\/])"
    r"|&(?:amp;)*#x0*([0-9a-f]{1,4});|&(?:amp;)*#0*([0-9]{1,4});"
)
_BASES: Final = (16, 16, 16, 8, 0, 16, 10)
# Texts are compared without regard to case and to the alphabet of base64.
_NORMALIZED: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ+/", "abcdefghijklmnopqrstuvwxyz-_")


@final
class Secret(str):
    """A text that is sent but never displayed: its repr, str and format are redacted, and it cannot be pickled."""

    __slots__ = ("__weakref__", "_part", "_traces")
    _part: int
    _traces: _Traces

    def __new__(cls, text: str) -> Self:
        """Return a secret with this text, which may be a Secret already."""
        secret = super().__new__(cls, text.reveal() if isinstance(text, Secret) else text)
        secret._part = _MIN_KEY_CHARACTERS
        return secret

    @classmethod
    def password(cls, text: str) -> Self:
        """Return a secret of which only the whole text, or most of a long one, is redacted."""
        secret = cls(text)
        secret._part = min(len(secret), max(_MIN_PASSWORD_CHARACTERS, len(secret) * 3 // 4))
        return secret

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends it."""
        return str.__str__(self)

    def traces_in(self, plain: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of the words in an unescaped text that contain a part of the secret."""
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
    """Bytes that are searched for but never displayed: their repr and str are redacted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b'{REDACTED}'"

    def __str__(self) -> str:
        return repr(self)


# Keyed by identity, because each of two equal secrets has a lifetime of its own.
_hidden: Final[WeakValueDictionary[int, Secret]] = WeakValueDictionary()


def hide(secret: Secret) -> Secret:
    """Make `redact` find this secret as long as the object exists, and return the object."""
    _hidden[id(secret)] = secret
    return secret


def redact(text: str) -> str:
    """Return a text without any hidden secret and without anything in the form of a gateway key or a bearer token.

    Whole secrets are found, and parts of a key of at least 6 characters. Upper and lower case make no difference. Both
    are also found if they are escaped for a URL, JSON, Python or HTML, or encoded in base64 or hexadecimal. The word
    around them is removed with them. A secret of fewer than 6 characters is found only as a whole word. Everything
    after the first 131,072 characters is removed, because searching more would block the event loop.
    """
    if len(text) > _MAX_TEXT_CHARACTERS:
        return redact(text[:_MAX_TEXT_CHARACTERS]) + REDACTED
    plain = _Unescaped(text)
    spans = [match.span() for match in re.finditer(_KEY_PATTERN, plain.text)]
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


def shorten(text: str, max_characters: int = _MAX_STATUS_TEXT_CHARACTERS) -> str:
    """Return a text of the gateway unchanged, or redacted and cut if it is longer than 2,000 or another maximum."""
    if len(text) <= max_characters:
        return text
    # Redact before cutting: a cut could leave a piece of a secret that is too short to be found.
    end = f"... ({len(text)} characters)"
    return redact(text[: 2 * max_characters])[: max_characters - len(end)] + end


def shows_secret(text: str) -> bool:
    """Return whether a text was redacted or would be changed by `redact`."""
    return REDACTED in text or redact(text) != text


def redact_message(message: Message) -> None:
    """Redact all texts and bytes of a message in place.

    The fields that this version does not know are kept, unless something in them would be redacted. Texts after the
    first 131,072 characters of the message are replaced, because searching more would block the event loop.
    """
    search = _BoundedSearch()
    _redact_fields(message, search.redact)
    if any(search.redact(text) != text for text in _unknown_texts(message)):
        discard_unknown_fields(message)


def discard_unknown_fields(message: Message) -> None:
    """Discard the fields of a message, and of the messages in it, that this version does not know."""
    message.DiscardUnknownFields()
    # New messages, because protobuf's pure-Python backend keeps the sizes that it has computed with unknown fields.
    known = type(message)()
    known.CopyFrom(message)
    message.CopyFrom(known)


def _redact_fields(message: Message, redact: Callable[[str], str]) -> None:
    def redact_bytes(value: bytes) -> bytes:
        return redact(value.decode("latin-1")).encode("latin-1")

    for field, value in message.ListFields():
        match field.type:
            case field.TYPE_MESSAGE:
                _redact_messages(value, redact)
            case field.TYPE_STRING:
                _redact_values(message, field.name, redact)
            case field.TYPE_BYTES:
                _redact_values(message, field.name, redact_bytes)
            case _:
                pass


def _unknown_texts(message: Message) -> Iterator[str]:
    """Yield the contents of the unknown fields of a message and of the messages in it."""
    # Local imports, see _redact_messages.
    from google.protobuf.message import Message  # noqa: PLC0415
    from google.protobuf.unknown_fields import UnknownFieldSet  # noqa: PLC0415

    waiting: list[Any] = [message]
    while waiting:
        each = waiting.pop()
        fields = UnknownFieldSet(each) if isinstance(each, Message) else each
        for data in (fields[index].data for index in range(len(fields))):
            if isinstance(data, bytes):
                yield data.decode("latin-1")
            elif isinstance(data, int):
                yield (data & (1 << 64) - 1).to_bytes(8, "little").decode("latin-1")
            else:
                # A group: the unknown fields in it.
                waiting.append(data)
        for field, value in each.ListFields() if isinstance(each, Message) else ():
            if field.message_type is not None:
                waiting += (value,) if isinstance(value, Message) else value


def _redact_messages(value: Message | Iterable[Message], redact: Callable[[str], str]) -> None:
    # A local import because this module must not load protobuf; a program that has a message has loaded it.
    from google.protobuf.message import Message  # noqa: PLC0415

    for each in (value,) if isinstance(value, Message) else value:
        _redact_fields(each, redact)


def _redact_values(message: Message, name: str, redact: Callable[[Any], Any]) -> None:
    value = getattr(message, name)
    if isinstance(value, (str, bytes)):
        setattr(message, name, redact(value))
    else:
        value[:] = [redact(each) for each in value]


class _BoundedSearch:
    """Redacts the texts of one message: equal texts once, and only up to a total size."""

    def __init__(self) -> None:
        self._redacted: dict[str, str] = {"": ""}
        self._characters_left = _MAX_TEXT_CHARACTERS

    def redact(self, text: str) -> str:
        """Return a text without secrets, or `***` if the size is exceeded."""
        if text not in self._redacted:
            self._characters_left -= len(text)
            self._redacted[text] = redact(text) if self._characters_left > 0 else REDACTED
        return self._redacted[text]


@final
class _Traces:
    """Hashes of everything that would reveal a secret. The secret itself is not stored here."""

    __slots__ = ("_alone", "_parts")

    def __init__(self, secret: str, part: int) -> None:
        plain = _Unescaped(secret).text
        data = secret.encode("utf-8", "surrogatepass")
        hexadecimal = [f"{byte:02x}" for byte in data]
        # The second form is UTF-8 that is escaped byte by byte.
        forms: list[tuple[Sequence[str], str, int]] = [
            (plain, "", part),
            (_Unescaped(data.decode("latin-1")).text, "", part),
        ]
        # In base64 this many characters depend on `part` bytes only, in each of the three possible positions.
        forms += [(_base64(data, before), "", (part * 8 - 4) // 6) for before in range(3)]
        forms += [(hexadecimal, separator, part) for separator in ("", " ", ":", "-")]
        parts: dict[int, set[int]] = {}
        for units, separator, size in forms if len(plain) >= _MIN_KEY_CHARACTERS else ():
            for each in _windows(units, separator, min(size, len(units))):
                parts.setdefault(len(each), set()).add(hash(each))
        self._parts = {length: frozenset(hashes) for length, hashes in parts.items()}
        self._alone = {len(plain): hash(plain)} if 0 < len(plain) < _MIN_KEY_CHARACTERS else {}

    def found_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of the words in an unescaped text that contain a part of the secret."""
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
class _Unescaped:
    """An unescaped text, and the positions in the original that its characters came from.

    Attributes:
        text: the text to search, without regard to case; it is meaningful only in comparison with another such text.
    """

    __slots__ = ("_shifts", "text")

    def __init__(self, text: str) -> None:
        text = text.translate(_NORMALIZED)
        # Pairs of a position in the unescaped text and how much further on the original is from there.
        self._shifts: list[tuple[int, int]] = []
        pieces: list[str] = []
        end = length = 0
        for match in re.finditer(_ESCAPE, text):
            pieces += [text[end : match.start()], _unescaped(match).translate(_NORMALIZED)]
            length += match.start() - end + 1
            end = match.end()
            self._shifts.append((length, end - length))
        self.text = "".join([*pieces, text[end:]])

    def original(self, span: tuple[int, int]) -> tuple[int, int]:
        """Return the span of the original text that a span of the unescaped text came from."""
        start, end = span
        return start + self._shift(start), end + self._shift(end)

    def _shift(self, position: int) -> int:
        return next((shift for begin, shift in reversed(self._shifts) if begin <= position), 0)


def _unescaped(match: Match[str]) -> str:
    group = match.lastindex or 0
    digits, base = match[group], _BASES[group - 1]
    return chr(int(digits, base)) if base else digits


def _base64(data: bytes, before: int) -> str:
    """Return the part of a base64 text that depends only on the data, with this many bytes before the data."""
    encoded = b2a_base64(bytes(before) + data, newline=False).decode("ascii").translate(_NORMALIZED)
    return encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]


def _windows(units: Sequence[str], separator: str, size: int) -> Iterator[str]:
    return (separator.join(units[start : start + size]) for start in range(len(units) - size + 1))


def _word_around(text: str, start: int, end: int) -> tuple[int, int]:
    while start and text[start - 1] not in _WORD_SEPARATORS:
        start -= 1
    while end < len(text) and text[end] not in _WORD_SEPARATORS:
        end += 1
    return start, end


def _is_inside_a_word(text: str, start: int, end: int) -> bool:
    return any(map(str.isalnum, text[max(start - 1, 0) : start] + text[end : end + 1]))
