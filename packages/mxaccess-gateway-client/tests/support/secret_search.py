"""Search errors, log records and objects for secrets, whole or in part and in any encoding."""

from __future__ import annotations

import base64
import contextlib
import logging
import pickle
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mxgateway import MxGatewayError

_PART_LENGTH = 6
_HERE = Path(__file__).resolve().parents[3]


class SecretSearch:
    """Searches for every 6 characters of secrets: plain, escaped, in hexadecimal and in base64."""

    def __init__(self, *secrets: str) -> None:
        self._traces = sorted({trace.lower() for secret in secrets for trace in _traces(secret)})

    def find(self, texts: Iterable[str]) -> list[str]:
        """Return up to five texts that contain a part of a secret, with the part."""
        different = set(texts)
        everything = "\n".join(different).lower()
        found = [trace for trace in self._traces if trace in everything]
        return [f"{trace!r} in {text!r}" for trace in found for text in different if trace in text.lower()][:5]

    def in_errors(self, *errors: BaseException) -> list[str]:
        """Search errors, their causes, their frames and their pickles."""
        return self.find(text for error in errors for text in seen_of_error(error))

    def in_records(self, records: Iterable[logging.LogRecord]) -> list[str]:
        """Search log records."""
        return self.find(text for record in records for text in seen_of_record(record))


def _traces(secret: str) -> Iterator[str]:
    for start in range(len(secret) - _PART_LENGTH + 1):
        part = secret[start : start + _PART_LENGTH]
        data = part.encode()
        yield part
        yield from (data.hex(separator) if separator else data.hex() for separator in ("", " ", ":", "-"))
        yield from ("".join(form.format(byte) for byte in data) for form in ("%{:02x}", "\\x{:02x}", "\\u{:04x}"))
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(bytes(before) + secret.encode()).decode()[4:-4]
            yield from (encoded[start : start + 8] for start in range(len(encoded) - 7))


def seen_of_error(error: BaseException) -> Iterator[str]:
    """Yield everything that a user, a log or an error collector may see of an error and of its causes."""
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        each = chain.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        chain += [each.__cause__, each.__context__]
        inside: tuple[BaseException, ...] = getattr(each, "exceptions", ())
        chain += inside
        yield from (str(each), repr(each), repr(each.args), repr(getattr(each, "__notes__", ())), repr(vars(each)))
        if isinstance(each, MxGatewayError):
            yield from (repr(each.facts), str(each.reply), *(repr(status) for status in each.statuses))
            yield from (repr(getattr(each, name, None)) for name in dir(type(each)) if not name.startswith("_"))
        with contextlib.suppress(TypeError, pickle.PicklingError, AttributeError):
            yield repr(pickle.dumps(each))
        yield from seen_in_frames(each)


def seen_in_frames(error: BaseException) -> Iterator[str]:
    """Yield the local variables that error collectors record, of all frames except those of the tests."""
    for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
        if not _is_test(Path(frame.filename)):
            yield f"{frame.filename}:{frame.lineno} {frame.name}: {frame.locals}"


def _is_test(path: Path) -> bool:
    return path.resolve().is_relative_to(_HERE) and "src" not in path.parts


def seen_of_record(record: logging.LogRecord) -> Iterator[str]:
    """Yield everything that a log may show of a record."""
    yield logging.Formatter("%(name)s %(message)s").format(record)
    yield repr(record.args)
    yield repr({name: value for name, value in vars(record).items() if name not in {"pathname", "filename"}})
    beside: list[Any] = [record.exc_info and record.exc_info[1]]
    beside += record.args if isinstance(record.args, tuple) else ()
    for each in beside:
        if isinstance(each, BaseException):
            yield from seen_of_error(each)
