"""The file that remembers which certificate each gateway has: its endpoint and a SHA-256 fingerprint, a line each."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mxgateway._support.validation import normalize_fingerprint, split_endpoint
from mxgateway._transport.tls.pem_files import read_option_file, unusable_file
from mxgateway.errors import MxGatewayConfigurationError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["KnownGateways"]

_OPTION: Final = "known_gateways_file"
_HEADING: Final = "# host:port and the SHA-256 fingerprint of the gateway's certificate; several lines for several."
_LOCK_PAUSE: Final = 0.01


class KnownGateways:
    """The certificates in one file; nothing is read or written before somebody asks."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # What stands behind a symbolic link is to be replaced, not the link.
        self._path = Path(os.path.realpath(path))
        self._name = path

    def fingerprints(self, endpoint: str, *, may_be_missing: bool) -> tuple[str, ...]:
        """Give the fingerprints of a gateway, in the order of the file; none when it isn't known.

        Raises:
            MxGatewayConfigurationError: the file can't be read or understood, or it is missing and may not be.
        """
        if may_be_missing and not self._path.exists():
            return ()
        return self._find(self._text(), endpoint)

    async def remember(self, endpoint: str, fingerprint: str) -> tuple[str, ...]:
        """Write a gateway's fingerprint down, unless the gateway is known, and give what is known from now on.

        The file is made when there is none, readable by its owner only, and replaced as a whole: whoever reads it
        meanwhile sees the old one or the new one. Of several processes that write at once none loses its line.

        Raises:
            MxGatewayConfigurationError: the file can't be read, understood or written.
        """
        problem = ""
        try:
            async with self._locked():
                text = self._text() if self._path.exists() else f"{_HEADING}\n"
                known = self._find(text, endpoint)
                if known:
                    return known
                today = datetime.now(UTC).date().isoformat()
                line = f"{_key(endpoint)} {fingerprint}  # trusted on first use, {today}\n"
                self._replace(text + ("" if not text or text.endswith("\n") else "\n") + line)
        except OSError as error:
            problem = f"can't be written ({error.strerror or error})"
        if problem:
            raise unusable_file(_OPTION, self._name, problem)
        return (fingerprint,)

    def _text(self) -> str:
        content = read_option_file(_OPTION, self._name)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            problem = "is no text file"
        raise unusable_file(_OPTION, self._name, problem)

    def _find(self, text: str, endpoint: str) -> tuple[str, ...]:
        wanted = _key(endpoint)
        found: list[str] = []
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            fingerprint = normalize_fingerprint(words[-1])
            # A line that is passed over could be the one that was to protect.
            if len(words) != 2 or fingerprint is None:
                raise self._not_understood(number)
            try:
                key = _key(words[0])
            except MxGatewayConfigurationError:
                key = None
            if key is None:
                raise self._not_understood(number)
            if key == wanted:
                found.append(fingerprint)
        return tuple(found)

    def _not_understood(self, number: int) -> MxGatewayConfigurationError:
        return unusable_file(
            _OPTION, self._name, f"has a line {number} that is not host:port and a SHA-256 fingerprint of 64 hex digits"
        )

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        # A file of its own: the lock on one that gets replaced would be the lock on nothing. The system frees it when
        # its process ends, however that happens.
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _taken(lock):  # noqa: ASYNC110 - it is another process that has it, and no event tells
                await asyncio.sleep(_LOCK_PAUSE)
            yield
        finally:
            os.close(lock)

    def _replace(self, text: str) -> None:
        # Made with mode 0600.
        number, name = tempfile.mkstemp(dir=self._path.parent, prefix=f"{self._path.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _key(endpoint: str) -> str:
    """One spelling for each endpoint."""
    host, port = split_endpoint(endpoint)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{host.lower()}:{port}"
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _taken(lock: int) -> bool:
    """Whether an open file could be locked for this process alone."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        # Windows denies the access to what is locked.
        return False
    return True
