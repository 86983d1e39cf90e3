"""Recognize refusals of MXAccess for security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway.status import MxStatusCategory

if TYPE_CHECKING:
    from mxgateway.errors import MxAccessError

__all__ = ["refused_for_security"]

_E_ACCESSDENIED: Final = 0x80070005


def refused_for_security(error: MxAccessError) -> bool:
    """Whether MXAccess names security as the reason of a refusal, in a status or by its hresult."""
    if error.hresult is not None and error.hresult & 0xFFFFFFFF == _E_ACCESSDENIED:
        return True
    return any(status.category is MxStatusCategory.SECURITY_ERROR for status in error.statuses)
