"""Errors of profiles, imported when they are raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mxgateway.errors import MxGatewayConfigurationError

__all__ = ["configuration_error"]


def configuration_error(problem: str) -> MxGatewayConfigurationError:
    """Return an error with this message."""
    # Imported late: the completion of profile names must not load grpc.
    from mxgateway.errors import MxGatewayConfigurationError  # noqa: PLC0415

    return MxGatewayConfigurationError(problem)
