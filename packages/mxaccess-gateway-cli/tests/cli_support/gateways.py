"""The API key of the tests, and helpers that look at the calls which a simulated gateway received."""

from __future__ import annotations

from typing import Any, cast

from mxgateway.testing import SimulatedGateway

# The secret part contains both special characters of URL-safe base64.
API_KEY = "mxgw_0a1b2c3d_marker_secret-with_both-kinds_"


def last_request(gateway: SimulatedGateway, rpc: str) -> Any:
    """Return the last request of an rpc."""
    return cast("Any", [call for call in gateway.calls if call.rpc == rpc][-1].request)


def last_command(gateway: SimulatedGateway) -> Any:
    """Return the command of the last Invoke."""
    return last_request(gateway, "Invoke").command
