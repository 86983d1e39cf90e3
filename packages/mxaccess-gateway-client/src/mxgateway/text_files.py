"""Decode text files in the encodings that editors, PowerShell and spreadsheets write, and replace files as a whole."""

from __future__ import annotations

import codecs
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["decode_text", "replace_text"]

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def decode_text(data: bytes, name: str = "the file") -> str:
    """Return the text of a file in UTF-8 or UTF-16, with or without a byte order mark, which is removed.

    Another encoding is never guessed, because a wrong guess would go unnoticed.

    Args:
        data: The content of the file.
        name: The file's name in the error, such as "the API key file".

    Raises:
        ValueError: The data is not text in one of these encodings. The message does not contain any of the data, which
            may be a secret.
    """
    problem = f"{name} is not a text file"
    mark, encoding = _detect(data)
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-8":
            line = data.count(b"\n", 0, len(mark) + error.start) + 1
            problem += f": line {line} is not valid UTF-8; save it as UTF-8 or UTF-16"
    else:
        # Text never contains this character, and most binary files do.
        if "\0" not in text:
            return text
        del text
    # A traceback that shows local variables must not show a key.
    del data
    raise ValueError(problem)


def replace_text(path: Path, text: str) -> None:
    """Write a file in UTF-8, readable by its owner only. A concurrent reader sees either the old or the new content.

    Raises:
        OSError: The file cannot be written.
    """
    import tempfile  # noqa: PLC0415 - needed only to write a file

    # mkstemp creates the file with mode 0600.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    temporary = path.parent / name
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _detect(data: bytes) -> tuple[bytes, str]:
    """Return the byte order mark of a file, which may be empty, and the name of its encoding."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return mark, encoding
    # A Latin letter has one byte 0 in UTF-16; UTF-8 has none.
    if data[1:2] == b"\0":
        return b"", "utf-16-le"
    return b"", "utf-16-be" if data[:1] == b"\0" else "utf-8"
