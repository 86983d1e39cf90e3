"""Read the files that options name, and explain why a file cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway.errors import MxGatewayConfigurationError

if TYPE_CHECKING:
    import os

__all__ = ["read_option_file", "read_pem", "unusable_file"]


def read_option_file(option: str, path: str | os.PathLike[str]) -> bytes:
    """Return the content of a file.

    Raises:
        MxGatewayConfigurationError: the file cannot be read. The message names the option and the file.
    """
    from pathlib import Path  # noqa: PLC0415 - needed only when an option names a file

    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        problem = "does not exist"
    except IsADirectoryError:
        problem = "is a directory"
    except OSError as error:
        # Windows reports a directory as "access denied".
        problem = "is a directory" if Path(path).is_dir() else f"cannot be read ({error.strerror or error})"
    raise unusable_file(option, path, problem)


def read_pem(option: str, path: str | os.PathLike[str], label: str) -> bytes:
    """Return the content of a PEM file that contains at least one block with this label, such as `CERTIFICATE`.

    Raises:
        MxGatewayConfigurationError: the file cannot be read or has another content. The message names the option and
            the file.
    """
    content = read_option_file(option, path)
    if not content.strip():
        problem = "is empty"
    elif b"-----BEGIN " not in content:
        problem = "is not a PEM file: expected text that begins with -----BEGIN"
    elif label.encode() + b"-----" not in content:
        problem = f"contains no {label}"
    else:
        return content
    raise unusable_file(option, path, problem)


def unusable_file(option: str, path: object, problem: str) -> MxGatewayConfigurationError:
    """Return the error for a file that its option cannot use."""
    return MxGatewayConfigurationError(f"{option} {path} {problem}")
