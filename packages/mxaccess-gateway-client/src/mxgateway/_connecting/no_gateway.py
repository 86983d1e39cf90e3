"""The error for the failure of every gateway of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway._watching.recovery import FINAL
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayCertificateError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayTransportError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FINAL_TO_CONNECT", "no_gateway_error"]

# Errors that no further attempt to connect to the same gateway can cure.
FINAL_TO_CONNECT: Final = (*FINAL, MxGatewayCertificateError, MxGatewayConfigurationError)


def no_gateway_error(failures: Mapping[str, MxGatewayError]) -> MxGatewayError:
    """Return the only error, or one that names each endpoint with its reason.

    It is of the class of the errors if they have the same. If not, it is an MxGatewayTransportError, unless no further
    attempt can succeed anywhere: then it is of the class of the first.
    """
    errors = tuple(failures.values())
    if len(errors) == 1:
        return errors[0]
    kind = type(errors[0])
    same = all(type(error) is kind for error in errors)
    if not same and not all(isinstance(error, FINAL_TO_CONNECT) for error in errors):
        kind = MxGatewayTransportError
    reasons = "; ".join(f"{endpoint}: {_reason(error)}" for endpoint, error in failures.items())
    facts = ErrorFacts(method=errors[0].method, endpoint_errors=errors)
    return kind(f"none of the {len(errors)} gateways can be used: {reasons}", facts)


def _reason(error: MxGatewayError) -> str:
    return f"{error.summary} ({error.hint})" if error.hint else error.summary
