"""Files that options name: what is in them, or the words for why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway.errors import MxGatewayConfigurationError

if TYPE_CHECKING:
    import os

__all__ = ["read_option_file", "unusable_file"]


def read_option_file(option: str, path: str | os.PathLike[str]) -> bytes:
    """Give the content of a file.

    Raises:
        MxGatewayConfigurationError: it can't be read; the text names the option and the file.
    """
    from pathlib import Path  # noqa: PLC0415 - most options name no file

    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        problem = "doesn't exist"
    except IsADirectoryError:
        problem = "is a directory"
    except OSError as error:
        # Windows says of a directory that the access is denied.
        problem = "is a directory" if Path(path).is_dir() else f"can't be read ({error.strerror or error})"
    raise unusable_file(option, path, problem)


def unusable_file(option: str, path: object, problem: str) -> MxGatewayConfigurationError:
    """The error for a file that is not what its option needs."""
    return MxGatewayConfigurationError(f"{option} {path} {problem}")


def read_pem(option: str, path: str | os.PathLike[str], kind: str) -> bytes:
    content = read_option_file(option, path)
    if not content.strip():
        problem = "is empty"
    elif b"-----BEGIN " not in content:
        problem = "is no PEM file: PEM is text and begins with -----BEGIN"
    elif kind.encode() + b"-----" not in content:
        problem = f"holds no {kind}"
    else:
        return content
    raise unusable_file(option, path, problem)
