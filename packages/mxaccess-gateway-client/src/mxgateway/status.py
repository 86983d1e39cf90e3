"""MXAccess statuses, qualities and enums as Python types. The enums accept unknown numbers, see OpenEnum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.protocol import OpenEnum

__all__ = [
    "AlarmConditionState",
    "AlarmProviderMode",
    "AlarmTransitionKind",
    "MxDataType",
    "MxEventFamily",
    "MxStatus",
    "MxStatusCategory",
    "MxStatusSource",
    "Quality",
]


class MxDataType(OpenEnum):
    """The MXAccess data type of a value or an attribute (`MxDataType`)."""

    UNSPECIFIED = pb.MX_DATA_TYPE_UNSPECIFIED
    UNKNOWN = pb.MX_DATA_TYPE_UNKNOWN
    NO_DATA = pb.MX_DATA_TYPE_NO_DATA
    BOOLEAN = pb.MX_DATA_TYPE_BOOLEAN
    INTEGER = pb.MX_DATA_TYPE_INTEGER
    FLOAT = pb.MX_DATA_TYPE_FLOAT
    DOUBLE = pb.MX_DATA_TYPE_DOUBLE
    STRING = pb.MX_DATA_TYPE_STRING
    TIME = pb.MX_DATA_TYPE_TIME
    ELAPSED_TIME = pb.MX_DATA_TYPE_ELAPSED_TIME
    REFERENCE_TYPE = pb.MX_DATA_TYPE_REFERENCE_TYPE
    STATUS_TYPE = pb.MX_DATA_TYPE_STATUS_TYPE
    DATA_TYPE_ENUM = pb.MX_DATA_TYPE_DATA_TYPE_ENUM
    SECURITY_CLASSIFICATION_ENUM = pb.MX_DATA_TYPE_SECURITY_CLASSIFICATION_ENUM
    DATA_QUALITY_TYPE = pb.MX_DATA_TYPE_DATA_QUALITY_TYPE
    QUALIFIED_ENUM = pb.MX_DATA_TYPE_QUALIFIED_ENUM
    QUALIFIED_STRUCT = pb.MX_DATA_TYPE_QUALIFIED_STRUCT
    INTERNATIONALIZED_STRING = pb.MX_DATA_TYPE_INTERNATIONALIZED_STRING
    BIG_STRING = pb.MX_DATA_TYPE_BIG_STRING


class MxEventFamily(OpenEnum):
    """The MXAccess event that a message reports (`MxEventFamily`)."""

    UNSPECIFIED = pb.MX_EVENT_FAMILY_UNSPECIFIED
    ON_DATA_CHANGE = pb.MX_EVENT_FAMILY_ON_DATA_CHANGE
    ON_WRITE_COMPLETE = pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE
    OPERATION_COMPLETE = pb.MX_EVENT_FAMILY_OPERATION_COMPLETE
    ON_BUFFERED_DATA_CHANGE = pb.MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE
    ON_ALARM_TRANSITION = pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION
    ON_ALARM_PROVIDER_MODE_CHANGED = pb.MX_EVENT_FAMILY_ON_ALARM_PROVIDER_MODE_CHANGED


class AlarmProviderMode(OpenEnum):
    """The source of the gateway's alarms (`AlarmProviderMode`)."""

    UNSPECIFIED = pb.ALARM_PROVIDER_MODE_UNSPECIFIED
    ALARMMGR = pb.ALARM_PROVIDER_MODE_ALARMMGR
    SUBTAG = pb.ALARM_PROVIDER_MODE_SUBTAG


class AlarmTransitionKind(OpenEnum):
    """The kind of change of an alarm (`AlarmTransitionKind`)."""

    UNSPECIFIED = pb.ALARM_TRANSITION_KIND_UNSPECIFIED
    RAISE = pb.ALARM_TRANSITION_KIND_RAISE
    ACKNOWLEDGE = pb.ALARM_TRANSITION_KIND_ACKNOWLEDGE
    CLEAR = pb.ALARM_TRANSITION_KIND_CLEAR
    RETRIGGER = pb.ALARM_TRANSITION_KIND_RETRIGGER


class AlarmConditionState(OpenEnum):
    """The current state of an alarm (`AlarmConditionState`)."""

    UNSPECIFIED = pb.ALARM_CONDITION_STATE_UNSPECIFIED
    ACTIVE = pb.ALARM_CONDITION_STATE_ACTIVE
    ACTIVE_ACKED = pb.ALARM_CONDITION_STATE_ACTIVE_ACKED
    INACTIVE = pb.ALARM_CONDITION_STATE_INACTIVE


class MxStatusCategory(OpenEnum):
    """The kind of outcome that an MxStatus reports (`MxStatusCategory`)."""

    UNSPECIFIED = pb.MX_STATUS_CATEGORY_UNSPECIFIED
    UNKNOWN = pb.MX_STATUS_CATEGORY_UNKNOWN
    OK = pb.MX_STATUS_CATEGORY_OK
    PENDING = pb.MX_STATUS_CATEGORY_PENDING
    WARNING = pb.MX_STATUS_CATEGORY_WARNING
    COMMUNICATION_ERROR = pb.MX_STATUS_CATEGORY_COMMUNICATION_ERROR
    CONFIGURATION_ERROR = pb.MX_STATUS_CATEGORY_CONFIGURATION_ERROR
    OPERATIONAL_ERROR = pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR
    SECURITY_ERROR = pb.MX_STATUS_CATEGORY_SECURITY_ERROR
    SOFTWARE_ERROR = pb.MX_STATUS_CATEGORY_SOFTWARE_ERROR
    OTHER_ERROR = pb.MX_STATUS_CATEGORY_OTHER_ERROR


class MxStatusSource(OpenEnum):
    """The part of System Platform that detected what an MxStatus reports (`MxStatusSource`)."""

    UNSPECIFIED = pb.MX_STATUS_SOURCE_UNSPECIFIED
    UNKNOWN = pb.MX_STATUS_SOURCE_UNKNOWN
    REQUESTING_LMX = pb.MX_STATUS_SOURCE_REQUESTING_LMX
    RESPONDING_LMX = pb.MX_STATUS_SOURCE_RESPONDING_LMX
    REQUESTING_NMX = pb.MX_STATUS_SOURCE_REQUESTING_NMX
    RESPONDING_NMX = pb.MX_STATUS_SOURCE_RESPONDING_NMX
    REQUESTING_AUTOMATION_OBJECT = pb.MX_STATUS_SOURCE_REQUESTING_AUTOMATION_OBJECT
    RESPONDING_AUTOMATION_OBJECT = pb.MX_STATUS_SOURCE_RESPONDING_AUTOMATION_OBJECT


_FAILURES = frozenset(
    {
        MxStatusCategory.COMMUNICATION_ERROR,
        MxStatusCategory.CONFIGURATION_ERROR,
        MxStatusCategory.OPERATIONAL_ERROR,
        MxStatusCategory.SECURITY_ERROR,
        MxStatusCategory.SOFTWARE_ERROR,
        MxStatusCategory.OTHER_ERROR,
    }
)

_DETAILS = {
    1: "request timed out",
    2: "platform communication error",
    3: "invalid platform id",
    4: "invalid engine id",
    5: "engine communication error",
    6: "invalid reference",
    7: "no Galaxy repository",
    8: "invalid object id",
    1003: "array named without []",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MxStatus:
    """One status from MXAccess (`MXSTATUS_PROXY`).

    Use `failed`, which checks the category, to detect a failure. `success` is the raw COM number: both -1 and 1 mean
    success, and 0 with an unset category is not a failure.

    Attributes:
        success: raw COM number.
        category: kind of outcome.
        detected_by: part of System Platform that detected it.
        detail: MXAccess detail number. `detail_text` explains the known numbers.
        raw_category: native category number, as the worker received it.
        raw_detected_by: native source number, as the worker received it.
        diagnostic_text: message of the worker, may be empty.
    """

    success: int = 0
    category: MxStatusCategory = MxStatusCategory.UNSPECIFIED
    detected_by: MxStatusSource = MxStatusSource.UNSPECIFIED
    detail: int = 0
    raw_category: int = 0
    raw_detected_by: int = 0
    diagnostic_text: str = ""

    @classmethod
    def from_message(cls, message: pb.MxStatusProxy) -> MxStatus:
        """Return the status of a generated `MxStatusProxy`."""
        return cls(
            success=message.success,
            category=MxStatusCategory(message.category),
            detected_by=MxStatusSource(message.detected_by),
            detail=message.detail,
            raw_category=message.raw_category,
            raw_detected_by=message.raw_detected_by,
            diagnostic_text=message.diagnostic_text,
        )

    @property
    def failed(self) -> bool:
        """Whether the category is one of the error categories."""
        return self.category in _FAILURES

    @property
    def detail_text(self) -> str:
        """Explanation of `detail`, or an empty string if the number is unknown."""
        return _DETAILS.get(self.detail, "")

    def __str__(self) -> str:
        text = self.category.words
        if self.detail:
            text += f", detail {self.detail}"
            if self.detail_text:
                text += f" ({self.detail_text})"
        if self.detected_by not in {MxStatusSource.UNSPECIFIED, MxStatusSource.UNKNOWN}:
            text += f", detected by {self.detected_by.words}"
        if self.diagnostic_text:
            text += f": {self.diagnostic_text}"
        return text


@final
class Quality(int):
    """An OPC DA quality byte: 192 and above is good, 64 to 191 uncertain, below 64 bad."""

    __slots__ = ()

    BAD: ClassVar[Quality]
    NOT_CONNECTED: ClassVar[Quality]
    UNCERTAIN: ClassVar[Quality]
    GOOD: ClassVar[Quality]
    GOOD_LOCAL_OVERRIDE: ClassVar[Quality]

    @property
    def is_good(self) -> bool:
        """Whether the quality is 192 or above."""
        return self >= 192

    @property
    def is_uncertain(self) -> bool:
        """Whether the quality is between 64 and 191."""
        return 64 <= self < 192

    @property
    def is_bad(self) -> bool:
        """Whether the quality is below 64."""
        return self < 64

    def __str__(self) -> str:
        word = "good" if self.is_good else "uncertain" if self.is_uncertain else "bad"
        extra = {8: ", not connected", 216: ", local override"}.get(int(self), "")
        return f"{word} ({int(self)}{extra})"

    def __repr__(self) -> str:
        return f"Quality({int(self)})"

    def __format__(self, format_spec: str) -> str:
        return format(int(self), format_spec) if format_spec else str(self)


Quality.BAD = Quality(0)
Quality.NOT_CONNECTED = Quality(8)
Quality.UNCERTAIN = Quality(64)
Quality.GOOD = Quality(192)
Quality.GOOD_LOCAL_OVERRIDE = Quality(216)
