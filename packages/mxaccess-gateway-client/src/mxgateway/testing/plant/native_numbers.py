"""MXAccess's own numbers of data types, status categories and status sources, which are not those of the contract."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["native_category", "native_data_type", "native_source"]

_UNKNOWN: Final = -1

_DATA_TYPES: Final[Mapping[pb.MxDataType.ValueType, int]] = MappingProxyType(
    {
        pb.MX_DATA_TYPE_UNKNOWN: _UNKNOWN,
        pb.MX_DATA_TYPE_NO_DATA: 0,
        pb.MX_DATA_TYPE_BOOLEAN: 1,
        pb.MX_DATA_TYPE_INTEGER: 2,
        pb.MX_DATA_TYPE_FLOAT: 3,
        pb.MX_DATA_TYPE_DOUBLE: 4,
        pb.MX_DATA_TYPE_STRING: 5,
        pb.MX_DATA_TYPE_TIME: 6,
        pb.MX_DATA_TYPE_ELAPSED_TIME: 7,
        pb.MX_DATA_TYPE_REFERENCE_TYPE: 8,
        pb.MX_DATA_TYPE_STATUS_TYPE: 9,
        pb.MX_DATA_TYPE_DATA_TYPE_ENUM: 10,
        pb.MX_DATA_TYPE_SECURITY_CLASSIFICATION_ENUM: 11,
        pb.MX_DATA_TYPE_DATA_QUALITY_TYPE: 12,
        pb.MX_DATA_TYPE_QUALIFIED_ENUM: 13,
        pb.MX_DATA_TYPE_QUALIFIED_STRUCT: 14,
        pb.MX_DATA_TYPE_INTERNATIONALIZED_STRING: 15,
        pb.MX_DATA_TYPE_BIG_STRING: 16,
    }
)
_CATEGORIES: Final[Mapping[pb.MxStatusCategory.ValueType, int]] = MappingProxyType(
    {
        pb.MX_STATUS_CATEGORY_UNKNOWN: _UNKNOWN,
        pb.MX_STATUS_CATEGORY_OK: 0,
        pb.MX_STATUS_CATEGORY_PENDING: 1,
        pb.MX_STATUS_CATEGORY_WARNING: 2,
        pb.MX_STATUS_CATEGORY_COMMUNICATION_ERROR: 3,
        pb.MX_STATUS_CATEGORY_CONFIGURATION_ERROR: 4,
        pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR: 5,
        pb.MX_STATUS_CATEGORY_SECURITY_ERROR: 6,
        pb.MX_STATUS_CATEGORY_SOFTWARE_ERROR: 7,
        pb.MX_STATUS_CATEGORY_OTHER_ERROR: 8,
    }
)
_SOURCES: Final[Mapping[pb.MxStatusSource.ValueType, int]] = MappingProxyType(
    {
        pb.MX_STATUS_SOURCE_UNKNOWN: _UNKNOWN,
        pb.MX_STATUS_SOURCE_REQUESTING_LMX: 0,
        pb.MX_STATUS_SOURCE_RESPONDING_LMX: 1,
        pb.MX_STATUS_SOURCE_REQUESTING_NMX: 2,
        pb.MX_STATUS_SOURCE_RESPONDING_NMX: 3,
        pb.MX_STATUS_SOURCE_REQUESTING_AUTOMATION_OBJECT: 4,
        pb.MX_STATUS_SOURCE_RESPONDING_AUTOMATION_OBJECT: 5,
    }
)


def native_data_type(data_type: pb.MxDataType.ValueType) -> int:
    """Return MXAccess's number of a data type."""
    return _DATA_TYPES.get(data_type, _UNKNOWN)


def native_category(category: pb.MxStatusCategory.ValueType) -> int:
    """Return MXAccess's number of a status category."""
    return _CATEGORIES.get(category, _UNKNOWN)


def native_source(source: pb.MxStatusSource.ValueType) -> int:
    """Return MXAccess's number of a status source."""
    return _SOURCES.get(source, _UNKNOWN)
