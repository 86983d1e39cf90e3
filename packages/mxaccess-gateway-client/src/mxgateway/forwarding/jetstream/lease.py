"""JetStreamLease: of several processes with one lease, one works and the others wait."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import secrets
import socket
from typing import TYPE_CHECKING, Any, Final

from mxgateway._support.cancellation import Cancellation
from mxgateway.errors import MxGatewayConfigurationError, MxGatewayUsageError
from mxgateway.forwarding.errors import BrokerUnavailableError
from mxgateway.forwarding.jetstream.connection import connect_to_nats, import_nats, nats_reason

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mxgateway.forwarding.jetstream.options import JetStreamOptions

__all__ = ["JetStreamLease"]

_logger = logging.getLogger("mxgateway.forwarding")

_BUCKET: Final = "MXGATEWAY_LEASES"
_NAME: Final = re.compile(r"[-_A-Za-z0-9]+")
_SHORTEST_SECONDS: Final = 1.0
# The gateway keeps a session for 30 seconds after its last stream, and 10 000 events for it.
_LONGEST_SECONDS: Final = 10.0
# How often a process that waits looks at the key.
_LOOK_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 1.0
# For how long a process that waits leaves the key to its last holder, at least, after no server has answered.
_PATIENCE_SECONDS: Final = 2.0
# The part of the time after which a lease that could not be renewed counts as not held: the server may free it soon.
_SAFE_PART: Final = 0.9


class _TakenError(Exception):
    """Another process holds the lease."""


class JetStreamLease:
    """A key of a NATS key-value bucket that one process holds at a time. It needs `mxaccess-gateway-client[nats]`.

    The server removes the key when its holder has not renewed it for some seconds, and another process can acquire it.
    An async context manager: entering waits for the lease, leaving releases it. It can be entered again.

    A lease that cannot be renewed, because no server answers, is not `held` any more, but it is not `lost` either: it
    is held again if no other process has acquired it meanwhile. Those that wait leave it time for that. A process that
    was suspended may believe that it holds a lease that it has lost; so the stream itself must refuse what it writes,
    see JetStreamSink.

    Args:
        options: The server, and the account there. The bucket is `MXGATEWAY_LEASES`, created if it does not exist.
        name: The name of the lease: letters, digits, `-` and `_`.
        seconds: How long the lease lasts without being renewed, 1 to 10. If the bucket exists, its own time counts.

    Raises:
        MxGatewayConfigurationError: The name or the time is invalid, or nats-py is not installed.
    """

    def __init__(self, options: JetStreamOptions, name: str, *, seconds: float = 5.0) -> None:
        if not _NAME.fullmatch(name):
            raise MxGatewayConfigurationError(f"{name!r} is not a lease: use letters, digits, - and _")
        if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
            raise MxGatewayConfigurationError(f"a lease lasts 1 to 10 seconds, not {seconds:g}")
        self.name: Final = name
        self._options = options
        self._seconds = seconds
        self._nats: Any = import_nats()
        self._owner: Final = json.dumps(
            {"holder": f"{socket.gethostname()}, process {os.getpid()}", "id": secrets.token_hex(8)}
        ).encode()
        self._client: Any = None
        self._bucket: Any = None
        self._revision = 0
        self._holder: str | None = None
        # Until when a free key is left to its last holder, and whether that begins with the next answer of a server.
        self._patient_until = 0.0
        self._is_patient = False
        # Until when the lease is held, by the clock of the event loop.
        self._until = 0.0
        self._expiry: asyncio.TimerHandle | None = None
        self._is_held = asyncio.Event()
        self._is_not_held = asyncio.Event()
        self._is_not_held.set()
        self._lost = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    @property
    def seconds(self) -> float:
        """How long the lease lasts without being renewed."""
        return self._seconds

    @property
    def held(self) -> bool:
        """Whether this process holds the lease, as far as it can know."""
        return self._is_held.is_set() and asyncio.get_running_loop().time() < self._until

    @property
    def lost(self) -> bool:
        """Whether another process has acquired the lease after this one held it."""
        return self._lost.is_set()

    @property
    def holder(self) -> str | None:
        """The computer and process that held the lease when this process last looked; None if there was none."""
        return self._holder

    async def __aenter__(self) -> Self:
        """Wait for the lease; see `acquire`."""
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.release()

    async def acquire(self, *, fail_fast: bool = False) -> None:
        """Wait until this process holds the lease. It is renewed from then on, until `release`.

        A warning of the logger `mxgateway.forwarding` says once who holds it, or why no server answers. With
        `fail_fast` it does not wait for a server.

        Raises:
            BrokerUnavailableError: With `fail_fast`, no server can be used.
            MxGatewayUsageError: This object holds it already.
            MxGatewayConfigurationError: The bucket keeps its keys for another time than 1 to 10 seconds, or a file
                cannot be read.
        """
        if self._renewing is not None:
            raise MxGatewayUsageError(f"the lease {self.name} is acquired already")
        self._lost.clear()
        try:
            await self._wait(fail_fast=fail_fast)
        except BaseException:
            self._expire()
            await self._disconnect()
            raise
        self._renewing = asyncio.create_task(self._renew(), name=f"mxgateway lease {self.name}")

    async def release(self) -> None:
        """Stop renewing the lease, and let another process have it at once. Releasing twice is allowed."""
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            renewing.cancel()
            await asyncio.wait([renewing])
        held = self.held
        self._expire()
        if held and self._bucket is not None:
            with contextlib.suppress(self._nats.errors.Error, OSError):
                await self._bucket.delete(self.name, last=self._revision)
                self._holder = None
        await self._disconnect()

    async def wait_until_held(self) -> None:
        """Wait until the lease is held."""
        while not self.held:
            # A process that was suspended may not have noticed yet that the time is over.
            self._expire()
            await self._is_held.wait()

    async def wait_until_not_held(self) -> None:
        """Wait until the lease is not held, because another process has it or because it could not be renewed."""
        await self._is_not_held.wait()

    async def wait_until_lost(self) -> None:
        """Wait until another process has acquired the lease."""
        await self._lost.wait()

    async def _wait(self, *, fail_fast: bool) -> None:
        cancellation = Cancellation()
        said, pause = "", _LOOK_SECONDS
        while (reason := await self._try()) is not None:
            cancellation.check()
            if fail_fast and self._client is None:
                raise BrokerUnavailableError(reason)
            if reason != said:
                _logger.warning("%s: this process waits for the lease %s", reason, self.name)
                said = reason
            # A server that is away, or refuses the account, is not asked as often as for the key.
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS) if self._client is None else _LOOK_SECONDS
            await asyncio.sleep(pause)
        cancellation.check()
        if said:
            _logger.warning("this process holds the lease %s now", self.name)

    async def _try(self) -> str | None:
        """Acquire or renew the lease, and return None, or why that is not possible at present."""
        began = asyncio.get_running_loop().time()
        try:
            await self._put()
        except _TakenError:
            return f"{self._holder} holds it"
        except (self._nats.errors.Error, OSError) as error:
            self._is_patient = True
            await self._disconnect()
            reason = "no answer in time" if isinstance(error, TimeoutError) else nats_reason(error)
            return f"cannot use NATS ({reason})"
        self._hold(began + _SAFE_PART * self._seconds)
        return None

    async def _renew(self) -> None:
        cancellation = Cancellation()
        pause = self._seconds / 3
        while True:
            await asyncio.sleep(pause)
            was_held = self.held
            reason = await self._try()
            cancellation.check()
            if reason is None:
                pause = self._seconds / 3
                if not was_held:
                    _logger.warning("this process holds the lease %s again", self.name)
            elif self._client is None:
                pause = _LOOK_SECONDS if self.held else min(2 * pause, _LONGEST_PAUSE_SECONDS)
                if was_held and not self.held:
                    _logger.warning("%s: the lease %s is not held at present", reason, self.name)
            else:
                _logger.warning("the lease %s is lost: %s", self.name, reason)
                self._expire()
                self._lost.set()
                return

    async def _put(self) -> None:
        """Write the key, if it is free or has the value of this process.

        Raises:
            _TakenError: Another process has it.
            Exception: An OSError or an error of nats-py.
        """
        bucket = self._bucket
        if bucket is None:
            bucket = await self._connect()
            self._revision = 0
        wrong_sequence, not_found = (
            self._nats.js.errors.KeyWrongLastSequenceError,
            self._nats.js.errors.KeyNotFoundError,
        )
        if self._revision:
            with contextlib.suppress(wrong_sequence):
                self._revision = await bucket.update(self.name, self._owner, last=self._revision)
                return
        try:
            entry = await bucket.get(self.name)
        except not_found as missing:
            if missing.op is None and self._leaves_key_to_last_holder():
                raise _TakenError from missing
            try:
                self._revision = await bucket.create(self.name, self._owner)
            except wrong_sequence as error:
                self._holder = "another process"
                raise _TakenError from error
        else:
            self._holder = _holder_of(entry.value)
            if entry.value != self._owner:
                raise _TakenError
            self._revision = await bucket.update(self.name, self._owner, last=entry.revision)
        self._holder = _holder_of(self._owner)

    def _leaves_key_to_last_holder(self) -> bool:
        """Return whether this process waits, and servers have not answered for long enough again.

        While none answers, the key ends whether its holder lives or not.
        """
        if self._renewing is not None or self._holder is None:
            return False
        now = asyncio.get_running_loop().time()
        if self._is_patient:
            self._is_patient = False
            self._patient_until = now + max(self._seconds, _PATIENCE_SECONDS)
        return now < self._patient_until

    async def _connect(self) -> Any:
        self._client = client = await connect_to_nats(self._options, _ignore)
        jetstream = client.jetstream(timeout=min(self._options.timeout, self._seconds / 3))
        errors = self._nats.js.errors
        try:
            bucket = await jetstream.key_value(_BUCKET)
        except errors.NotFoundError:
            bucket = await jetstream.create_key_value(
                bucket=_BUCKET, ttl=self._seconds, history=1, replicas=await self._replicas(jetstream)
            )
        seconds = (await bucket.status()).ttl or 0
        if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
            text = f"the bucket {_BUCKET} of NATS keeps its keys for {seconds:g} s: that must be 1 to 10 s"
            raise MxGatewayConfigurationError(text)
        self._seconds, self._bucket = seconds, bucket
        return bucket

    async def _replicas(self, jetstream: Any) -> int:
        """Return in how many servers of a cluster the key is kept: as many as keep the stream."""
        try:
            info = await jetstream.stream_info(self._options.stream)
        except self._nats.js.errors.NotFoundError:
            return self._options.replicas
        return info.config.num_replicas or 1

    async def _disconnect(self) -> None:
        client, self._client, self._bucket = self._client, None, None
        if client is not None:
            with contextlib.suppress(Exception):
                await client.close()

    def _hold(self, until: float) -> None:
        self._until = until
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_at(until, self._expire)
        self._is_not_held.clear()
        self._is_held.set()

    def _expire(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._is_held.clear()
        self._is_not_held.set()


def _holder_of(value: bytes | None) -> str:
    try:
        return str(json.loads(value or b"")["holder"])
    except (ValueError, KeyError, TypeError):
        return "another program"


async def _ignore(error: Exception | None = None) -> None:
    """Take an error that nats-py reports beside its calls: the next renewal fails with it."""
