"""Statuses and HRESULTs of MXAccess."""

from __future__ import annotations

from functools import cache

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.native_numbers import native_category, native_source

__all__ = [
    "E_ACCESSDENIED",
    "E_INVALIDARG",
    "E_NOTIMPL",
    "S_OK",
    "good",
    "invalid_reference",
    "not_writable",
    "operational_error",
    "security_error",
    "write_done",
]


def _hresult(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number


S_OK = 0
E_NOTIMPL = _hresult(0x80004001)
E_ACCESSDENIED = _hresult(0x80070005)
E_INVALIDARG = _hresult(0x80070057)

_INVALID_REFERENCE = 6


@cache
def good() -> pb.MxStatusProxy:
    """Return the status of a good data change, with COM's true (-1) as `success`. The message is shared: copy it."""
    return _status(-1, pb.MX_STATUS_CATEGORY_OK, pb.MX_STATUS_SOURCE_RESPONDING_AUTOMATION_OBJECT)


@cache
def write_done() -> pb.MxStatusProxy:
    """Return the status of a successful write, with 1 as `success`. The message is shared: copy it."""
    return _status(1, pb.MX_STATUS_CATEGORY_OK, pb.MX_STATUS_SOURCE_RESPONDING_AUTOMATION_OBJECT)


def invalid_reference(definition: str) -> pb.MxStatusProxy:
    """Return the status of an item whose name is not in the Galaxy."""
    return _status(
        0,
        pb.MX_STATUS_CATEGORY_CONFIGURATION_ERROR,
        pb.MX_STATUS_SOURCE_REQUESTING_LMX,
        _INVALID_REFERENCE,
        f"Invalid reference: {definition}",
    )


def operational_error(text: str) -> pb.MxStatusProxy:
    """Return the status of a request that an object refuses, such as a value that the attribute cannot hold."""
    return _status(
        0,
        pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR,
        pb.MX_STATUS_SOURCE_RESPONDING_AUTOMATION_OBJECT,
        text=text,
    )


def not_writable(tag: str) -> pb.MxStatusProxy:
    """Return the status of a write to a view-only attribute."""
    return security_error(f"{tag} is view only")


def security_error(text: str) -> pb.MxStatusProxy:
    """Return the status of a request that the user is not allowed to make."""
    return _status(
        0,
        pb.MX_STATUS_CATEGORY_SECURITY_ERROR,
        pb.MX_STATUS_SOURCE_RESPONDING_AUTOMATION_OBJECT,
        text=text,
    )


def _status(
    success: int,
    category: pb.MxStatusCategory.ValueType,
    detected_by: pb.MxStatusSource.ValueType,
    detail: int = 0,
    text: str = "",
) -> pb.MxStatusProxy:
    return pb.MxStatusProxy(
        success=success,
        category=category,
        detected_by=detected_by,
        detail=detail,
        raw_category=native_category(category),
        raw_detected_by=native_source(detected_by),
        diagnostic_text=text,
    )
