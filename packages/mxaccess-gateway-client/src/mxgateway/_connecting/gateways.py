"""The gateways of a client: each with its channel, and the first one that answers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, TypeAlias

from mxgateway._connecting.probe import connect_channel, probe
from mxgateway.errors import ErrorFacts, MxGatewayError, MxGatewayUsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mxgateway._transport.channel import Channel
    from mxgateway._transport.counters import ChannelCounters
    from mxgateway.options import ClientOptions
    from mxgateway.statistics.figures import CallObserver

__all__ = ["Gateway", "Gateways"]

Connect: TypeAlias = "Callable[[ClientOptions], Awaitable[Channel]]"

_logger = logging.getLogger("mxgateway.client")


class Gateway:
    """One gateway, and the channel to it once it has answered."""

    def __init__(self, options: ClientOptions, connect: Connect) -> None:
        self._options = options
        self._connect = connect
        self._channel: Channel | None = None
        self._observe_call: CallObserver | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    @property
    def endpoint(self) -> str:
        """Address of the gateway, `host:port`."""
        return self._options.endpoint

    @property
    def channel(self) -> Channel:
        """The channel to the gateway.

        Raises:
            MxGatewayUsageError: the gateway has never answered.
        """
        if self._channel is None:
            raise MxGatewayUsageError("the client is not connected to this gateway", ErrorFacts(target=self.endpoint))
        return self._channel

    @property
    def counters(self) -> ChannelCounters | None:
        """The numbers of the channel; None before the gateway has answered."""
        return None if self._channel is None else self._channel.counters

    async def connect(self) -> None:
        """Wait until the gateway replies. Its channel is opened once and shared.

        Raises:
            MxGatewayUsageError: the client is closed.
            MxGatewayError: see `GatewayClient.connect`.
        """
        async with self._connecting:
            self._check_open()
            if self._channel is not None:
                await probe(self._channel)
                return
            channel = await self._connect(self._options)
            try:
                self._check_open()
            except MxGatewayUsageError:
                await channel.close()
                raise
            channel.observe_call = self._observe_call
            self._channel = channel

    def observe_calls(self, observer: CallObserver | None) -> None:
        """Observe the further calls to this gateway, whether it is connected to already or later."""
        self._observe_call = observer
        if self._channel is not None:
            self._channel.observe_call = observer

    async def close(self) -> None:
        """Close the channel. The gateway cannot be connected to again."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    def _check_open(self) -> None:
        if self._closed:
            hint = "open a new one with GatewayClient.connect"
            raise MxGatewayUsageError("the client is closed", ErrorFacts(target=self.endpoint, hint=hint))


class Gateways:
    """The gateways of a client, in the order of its options or in a random one.

    Attributes:
        options: the options of the client.
        current: the gateway for the client's own calls: the one that was connected to last.
    """

    def __init__(self, options: ClientOptions, connect: Connect = connect_channel) -> None:
        self.options: Final = options
        self._all: Final = [Gateway(each, connect) for each in options.by_endpoint()]
        if options.shuffle_endpoints:
            import random  # noqa: PLC0415 - most clients have one gateway

            random.shuffle(self._all)
        self.current: Gateway = self.preferred

    @property
    def preferred(self) -> Gateway:
        """The first gateway in the order."""
        return self._all[0]

    @property
    def counters(self) -> tuple[ChannelCounters, ...]:
        """The numbers of each gateway that has answered."""
        return tuple(each.counters for each in self._all if each.counters is not None)

    def observe_calls(self, observer: CallObserver | None) -> None:
        """Observe the further calls to every gateway."""
        for gateway in self._all:
            gateway.observe_calls(observer)

    def after(self, gateway: Gateway) -> Sequence[Gateway]:
        """Return the other gateways, beginning with the one that follows in the order."""
        place = self._all.index(gateway)
        return [*self._all[place + 1 :], *self._all[:place]]

    async def connect(self) -> None:
        """Connect to the first gateway that answers.

        Raises:
            MxGatewayError: none of them can be used; see `no_gateway_error`.
        """
        await self.use_first([self.preferred, *self.after(self.preferred)], Gateway.connect)
        level = logging.DEBUG if len(self._all) == 1 else logging.INFO
        _logger.log(level, "connected to %s", self.current.endpoint)

    async def use_first(self, gateways: Sequence[Gateway], use: Callable[[Gateway], Awaitable[None]]) -> Gateway:
        """Use the first gateway with which a function succeeds, and return it. The others are logged with the reason.

        Raises:
            MxGatewayUsageError: the function cannot be called here.
            MxGatewayError: the function has failed for each gateway; see `no_gateway_error`.
        """
        failures: dict[str, MxGatewayError] = {}
        for gateway in gateways:
            try:
                await use(gateway)
            except MxGatewayUsageError:
                raise
            except MxGatewayError as error:
                failures[gateway.endpoint] = error
                continue
            for endpoint, failure in failures.items():
                _logger.warning("%s is used, because %s cannot be: %s", gateway.endpoint, endpoint, failure)
            self.current = gateway
            return gateway
        from mxgateway._connecting.no_gateway import no_gateway_error  # noqa: PLC0415 - most programs do not need it

        raise no_gateway_error(failures)

    async def close(self) -> None:
        """Close the channels to all gateways."""
        await asyncio.gather(*(gateway.close() for gateway in self._all))
