"""A redundant pair of gateways, in front of the same plant."""

from __future__ import annotations

from typing import Self, Unpack

from mxgateway import ClientOptions
from mxgateway.options import ClientOptionsFields
from mxgateway.testing import SimulatedGateway

KEY = "mxgw_0a1b2c3d_marker_secret-with_both-kinds_"


class GatewayPair:
    """Two simulated gateways that accept the same key.

    Attributes:
        first: the preferred gateway.
        second: the other one.
    """

    def __init__(self, *, write_time: float = 0.0, breakable_network: bool = False) -> None:
        self.first, self.second = (
            SimulatedGateway(
                api_key=KEY, ramp_interval=None, write_time=write_time, breakable_network=breakable_network
            )
            for _ in range(2)
        )

    async def __aenter__(self) -> Self:
        await self.first.start()
        await self.second.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.first.stop()
        await self.second.stop()

    @property
    def endpoints(self) -> list[str]:
        """Their addresses, the preferred one first."""
        return [self.first.endpoint, self.second.endpoint]

    def options(self, **fields: Unpack[ClientOptionsFields]) -> ClientOptions:
        """Return options for a client of both."""
        fields.setdefault("endpoints", self.endpoints)
        fields.setdefault("api_key", KEY)
        fields.setdefault("plaintext", True)
        return ClientOptions(**fields)

    def set(self, tag: str, value: float | str) -> None:
        """Change a tag of the plant, whether its gateways run or not."""
        for gateway in (self.first, self.second):
            gateway.plant[tag].set(value)
