"""Failover: which gateway a TagClient or an alarm watch uses when its own stays away."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from mxgateway._connecting.no_gateway import FINAL_TO_CONNECT, no_gateway_error
from mxgateway._watching.recovery import FINAL
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from mxgateway._connecting.gateways import Gateway, Gateways

__all__ = ["Failover"]


class Failover:
    """The gateway that a TagClient or an alarm watch has at present, and those to try when it is lost.

    For some seconds after the loss only its own gateway is tried, then all of them in turn, beginning with the next
    one. A gateway with a final error is not tried again before another one is in use.
    """

    def __init__(self, gateways: Gateways, failover_after: float) -> None:
        self._gateways = gateways
        self._seconds: Final = failover_after
        self._own = gateways.current
        self._asked: Gateway | None = None
        # When the other gateways are tried too.
        self._deadline = math.inf
        # The last failure of each gateway since the loss, and the gateways whose failure is final.
        self._failures: dict[Gateway, MxGatewayError] = {}
        self._ruled_out: set[Gateway] = set()

    @property
    def own(self) -> Gateway:
        """The gateway in use, or that was in use before the loss."""
        return self._own

    @property
    def endpoint(self) -> str:
        """Address of the gateway in use, `host:port`."""
        return self._own.endpoint

    async def use_first(self, use: Callable[[Gateway], Awaitable[None]]) -> None:
        """Use the first gateway with which a function succeeds, beginning with that of the client.

        Raises:
            MxGatewayError: the function has failed for each gateway; see `no_gateway_error`.
        """
        current = self._gateways.current

        async def connect_and_use(gateway: Gateway) -> None:
            if gateway is not current:
                await gateway.connect()
            await use(gateway)

        self._own = await self._gateways.use_first([current, *self._gateways.after(current)], connect_and_use)

    async def connect_to(self, endpoint: str) -> Gateway:
        """Return the gateway with this address once it answers, or that in use if none has it.

        Raises:
            MxGatewayError: it does not answer.
        """
        for gateway in self._gateways.after(self._own):
            if gateway.endpoint == endpoint != self.endpoint:
                await gateway.connect()
                return gateway
        return self._own

    def lose(self, failure: MxGatewayError, *, final: bool = False) -> None:
        """Begin to count the seconds without the gateway. The arguments are those of `fail`.

        Raises:
            MxGatewayError: the failure is final, and there is no other gateway.
        """
        self._failures.clear()
        self._ruled_out.clear()
        self._deadline = _now() + self._seconds
        self.fail(self._own, failure, final=final)

    def candidates(self) -> Sequence[Gateway]:
        """Return the gateways to try now, in this order."""
        others, own = self._others(), [] if self._own in self._ruled_out else [self._own]
        if self._asked is not None:
            return [self._asked, *(each for each in [*own, *others] if each is not self._asked)]
        return own if own and self._is_early() else [*others, *own]

    def seconds_left(self) -> float:
        """Return after how many seconds `candidates` will be others; infinity if they stay the same."""
        if self._asked is not None:
            return 0.0
        return self._deadline - _now() if self._others() and self._is_early() else math.inf

    @asynccontextmanager
    async def attempt(self, gateway: Gateway) -> AsyncGenerator[None]:
        """Try a gateway within the `with` block: its own until the time for that is over, another one once it answers.

        Raises:
            MxGatewayTimeoutError: the time of its own gateway is over, and there are others.
            MxGatewayError: the gateway does not answer.
        """
        deadline = None
        if self._others():
            if gateway is self._own and self._is_early():
                deadline = self._deadline if math.isfinite(self._deadline) else None
            else:
                await self._connect(gateway)
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError as error:
            if isinstance(error, MxGatewayError):
                raise
            away = True
        else:
            away = False
        if away:
            summary = f"the gateway has stayed away for {self._seconds:g} s"
            raise MxGatewayTimeoutError(summary, ErrorFacts(target=gateway.endpoint))

    def fail(self, gateway: Gateway, error: MxGatewayError, *, final: bool = False) -> None:
        """Record why an attempt failed, and whether a further one at the same gateway is useless.

        Some errors always are final; see FINAL.

        Raises:
            MxGatewayUsageError: this error, which concerns every gateway.
            MxGatewayError: the errors of all gateways are final; see `no_gateway_error`.
        """
        if isinstance(error, MxGatewayUsageError):
            raise error
        self._failures[gateway] = error
        if gateway is self._asked:
            self._asked = None
        if final or isinstance(error, FINAL):
            self._ruled_out.add(gateway)
        if not self.candidates():
            raise no_gateway_error({each.endpoint: failure for each, failure in self._failures.items()})

    def restore(self, gateway: Gateway) -> None:
        """Record that a gateway is in use."""
        self._own = self._gateways.current = gateway
        self._asked = None

    async def return_to_preferred(self, leave: Callable[[MxGatewayError], Awaitable[None]]) -> None:
        """Go to the preferred gateway, unless it is in use already.

        Args:
            leave: gives up the present gateway for this reason, and returns once one is in use again.

        Raises:
            MxGatewayTransportError: the preferred gateway answers, but could not be used. Another one is.
            MxGatewayError: the preferred gateway does not answer, or `leave` has failed.
        """
        preferred = self._gateways.preferred
        while self._own is not preferred:
            await preferred.connect()
            self._asked = preferred
            self._failures.pop(preferred, None)
            facts = ErrorFacts(target=self.endpoint)
            await leave(MxGatewayTransportError(f"left for {preferred.endpoint} as asked", facts))
            failure = self._failures.get(preferred)
            if failure is not None:
                facts = ErrorFacts(target=preferred.endpoint)
                summary = f"the preferred gateway cannot be used, {self.endpoint} is used instead: {failure.summary}"
                raise MxGatewayTransportError(summary, facts) from failure

    async def _connect(self, gateway: Gateway) -> None:
        try:
            await gateway.connect()
        except FINAL_TO_CONNECT:
            self._ruled_out.add(gateway)
            raise

    def _others(self) -> Sequence[Gateway]:
        """Return the other gateways that may be tried, the next one first."""
        return [each for each in self._gateways.after(self._own) if each not in self._ruled_out]

    def _is_early(self) -> bool:
        """Return whether its own gateway has not been away long enough to try the others."""
        return _now() < self._deadline


def _now() -> float:
    return asyncio.get_running_loop().time()
