"""The file of known gateways: an endpoint and the SHA-256 fingerprint of its certificate per line."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mxgateway._support.validation import normalize_fingerprint, split_endpoint
from mxgateway._transport.tls.pem_files import read_option_file, unusable_file
from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError, MxGatewayTimeoutError
from mxgateway.text_files import replace_text

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["KnownGateways"]

_OPTION: Final = "known_gateways_file"
_HEADING: Final = "# host:port and the SHA-256 fingerprint of the gateway's certificate, one per line"
_LOCK_POLL_SECONDS: Final = 0.01


class KnownGateways:
    """The known gateways of one file. Creating the object neither reads nor writes the file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # If the path is a symbolic link, the file behind it is replaced and the link stays.
        self._path = Path(os.path.realpath(path))
        self._name = path

    def fingerprints(self, endpoint: str, *, may_be_missing: bool) -> tuple[str, ...]:
        """Return the fingerprints of a gateway, in the order of the file; empty if the gateway is unknown.

        Raises:
            MxGatewayConfigurationError: the file cannot be read or is invalid, or it is missing and
                `may_be_missing` is False.
        """
        if may_be_missing and not self._path.exists():
            return ()
        return self._find(self._text(), endpoint)

    async def remember(self, endpoint: str, fingerprint: str, *, seconds: float) -> tuple[str, ...]:
        """Add a gateway to the file unless it is known, and return the fingerprints that are now known for it.

        A missing file is created, readable by its owner only. An existing file is replaced as a whole, so that a
        concurrent reader sees either the old or the new content. Processes that write at the same time wait for each
        other, so that no line is lost.

        Args:
            endpoint: the gateway's endpoint.
            fingerprint: SHA-256 of its certificate, 64 hex digits.
            seconds: how long to wait for another process that writes; the lock is tried at least once.

        Raises:
            MxGatewayConfigurationError: the file cannot be read or written, or is invalid.
            MxGatewayTimeoutError: another process keeps the file locked.
        """
        try:
            lock = await self._lock(endpoint, seconds)
            try:
                return self._add(endpoint, fingerprint)
            finally:
                lock.release()
        except MxGatewayTimeoutError:
            raise
        except OSError as error:
            problem = f"cannot be written ({error.strerror or error})"
        except NotImplementedError as error:
            # Some file systems have no locks.
            problem = f"cannot be locked ({error})"
        raise unusable_file(_OPTION, self._name, problem)

    def _add(self, endpoint: str, fingerprint: str) -> tuple[str, ...]:
        text = self._text() if self._path.exists() else f"{_HEADING}\n"
        known = self._find(text, endpoint)
        if known:
            return known
        today = datetime.now(UTC).date().isoformat()
        line = f"{_key(endpoint)} {fingerprint}  # trusted on first use, {today}\n"
        replace_text(self._path, text + ("" if not text or text.endswith("\n") else "\n") + line)
        return (fingerprint,)

    def _text(self) -> str:
        content = read_option_file(_OPTION, self._name)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            problem = "is not a text file"
        raise unusable_file(_OPTION, self._name, problem)

    def _find(self, text: str, endpoint: str) -> tuple[str, ...]:
        wanted = _key(endpoint)
        found: list[str] = []
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            fingerprint = normalize_fingerprint(words[-1])
            # An invalid line is not skipped: it may be the one that was meant to protect this gateway.
            if len(words) != 2 or fingerprint is None:
                raise self._invalid_line(number)
            try:
                key = _key(words[0])
            except MxGatewayConfigurationError:
                key = None
            if key is None:
                raise self._invalid_line(number)
            if key == wanted:
                found.append(fingerprint)
        return tuple(found)

    def _invalid_line(self, number: int) -> MxGatewayConfigurationError:
        return unusable_file(
            _OPTION,
            self._name,
            f"has an invalid line {number}: expected host:port and a SHA-256 fingerprint of 64 hex digits",
        )

    async def _lock(self, endpoint: str, seconds: float) -> BaseFileLock:
        """Return the acquired lock.

        The lock is on a file of its own, because a lock on a file that is replaced would lock nothing. The operating
        system releases it when its process ends in any way.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415 - needed only to write the file

        # filelock would create a missing folder.
        self._path.parent.stat()
        lock = FileLock(f"{self._path}.lock", mode=0o600)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                pass
            else:
                return lock
            if loop.time() >= deadline:
                break
            await asyncio.sleep(_LOCK_POLL_SECONDS)
        facts = ErrorFacts(
            method="connect",
            target=endpoint,
            hint=f"find the process that holds {lock.lock_file}: it may be stopped, or on another machine",
        )
        raise MxGatewayTimeoutError(f"{_OPTION} {self._name} is locked by another process", facts)


def _key(endpoint: str) -> str:
    """Return the one spelling under which an endpoint is compared."""
    host, port = split_endpoint(endpoint)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{host.lower()}:{port}"
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
