"""Statuses, qualities and enums follow MXAccess and accept unknown numbers."""

from __future__ import annotations

import copy
import pickle
import typing
from enum import IntEnum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    AlarmConditionState,
    AlarmProviderMode,
    AlarmTransitionKind,
    MxDataType,
    MxEventFamily,
    MxStatus,
    MxStatusCategory,
    MxStatusSource,
    ProtocolStatusCode,
    Quality,
    SessionState,
)

ENUMS: list[tuple[type[IntEnum], str, str]] = [
    (AlarmConditionState, "AlarmConditionState", "ALARM_CONDITION_STATE_"),
    (AlarmProviderMode, "AlarmProviderMode", "ALARM_PROVIDER_MODE_"),
    (AlarmTransitionKind, "AlarmTransitionKind", "ALARM_TRANSITION_KIND_"),
    (MxDataType, "MxDataType", "MX_DATA_TYPE_"),
    (MxEventFamily, "MxEventFamily", "MX_EVENT_FAMILY_"),
    (MxStatusCategory, "MxStatusCategory", "MX_STATUS_CATEGORY_"),
    (MxStatusSource, "MxStatusSource", "MX_STATUS_SOURCE_"),
    (ProtocolStatusCode, "ProtocolStatusCode", "PROTOCOL_STATUS_CODE_"),
    (SessionState, "SessionState", "SESSION_STATE_"),
]


@pytest.mark.parametrize(("enum", "name", "prefix"), ENUMS, ids=lambda part: getattr(part, "__name__", ""))
def test_enum_has_every_name_of_the_contract(enum: type[IntEnum], name: str, prefix: str) -> None:
    contract: EnumTypeWrapper = getattr(pb, name)

    assert {member.name: int(member) for member in enum} == {
        key.removeprefix(prefix): number for key, number in contract.items()
    }


@pytest.mark.parametrize("enum", [enum for enum, _, _ in ENUMS])
def test_unknown_number_is_a_member_named_after_it(enum: type[IntEnum]) -> None:
    member = enum(4711)

    assert member.name == "UNRECOGNIZED_4711"
    assert member == 4711
    assert member == enum(4711)
    assert hash(member) == hash(enum(4711))
    assert copy.deepcopy(member) == member
    assert pickle.loads(pickle.dumps(member)) == member  # noqa: S301 - our own bytes
    assert member not in list(enum), "an unknown number must not fill the memory"


def test_enum_rejects_values_that_are_not_numbers() -> None:
    with pytest.raises(ValueError, match="is not a valid MxDataType"):
        MxDataType(typing.cast("int", "INTEGER"))


def status(category: int, success: int = 0) -> MxStatus:
    """Return a status as the gateway sends it."""
    message = pb.MxStatusProxy(success=success)
    message.category = category  # type: ignore[assignment]  # unknown numbers are valid
    return MxStatus.from_message(message)


@pytest.mark.parametrize(
    "category",
    [
        pb.MX_STATUS_CATEGORY_UNSPECIFIED,
        pb.MX_STATUS_CATEGORY_UNKNOWN,
        pb.MX_STATUS_CATEGORY_OK,
        pb.MX_STATUS_CATEGORY_PENDING,
        pb.MX_STATUS_CATEGORY_WARNING,
        4711,
    ],
)
@pytest.mark.parametrize("success", [-1, 0, 1])
def test_status_without_an_error_category_has_not_failed(category: int, success: int) -> None:
    assert not status(category, success).failed


@pytest.mark.parametrize("category", [member for member in MxStatusCategory if member.name.endswith("_ERROR")])
@pytest.mark.parametrize("success", [-1, 0, 1])
def test_status_with_an_error_category_has_failed(category: MxStatusCategory, success: int) -> None:
    assert status(category, success).failed


def test_status_has_every_field_of_its_message() -> None:
    message = pb.MxStatusProxy(
        success=-1,
        category=pb.MX_STATUS_CATEGORY_CONFIGURATION_ERROR,
        detected_by=pb.MX_STATUS_SOURCE_REQUESTING_LMX,
        detail=6,
        raw_category=4,
        raw_detected_by=0,
        diagnostic_text="no such object",
    )

    result = MxStatus.from_message(message)

    assert result == MxStatus(
        success=-1,
        category=MxStatusCategory.CONFIGURATION_ERROR,
        detected_by=MxStatusSource.REQUESTING_LMX,
        detail=6,
        raw_category=4,
        raw_detected_by=0,
        diagnostic_text="no such object",
    )
    assert (
        str(result) == "configuration error, detail 6 (invalid reference), detected by requesting LMX: no such object"
    )


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        (0, ""),
        (1, "request timed out"),
        (2, "platform communication error"),
        (3, "invalid platform id"),
        (4, "invalid engine id"),
        (5, "engine communication error"),
        (6, "invalid reference"),
        (7, "no Galaxy repository"),
        (8, "invalid object id"),
        (1003, "array named without []"),
        (4711, ""),
    ],
)
def test_known_detail_has_a_text(detail: int, words: str) -> None:
    assert MxStatus(detail=detail).detail_text == words


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (0, "bad", "bad (0)"),
        (8, "bad", "bad (8, not connected)"),
        (63, "bad", "bad (63)"),
        (64, "uncertain", "uncertain (64)"),
        (191, "uncertain", "uncertain (191)"),
        (192, "good", "good (192)"),
        (216, "good", "good (216, local override)"),
        (255, "good", "good (255)"),
    ],
)
def test_quality_is_good_uncertain_or_bad(number: int, kind: str, text: str) -> None:
    quality = Quality(number)

    assert (quality.is_good, quality.is_uncertain, quality.is_bad) == (
        kind == "good",
        kind == "uncertain",
        kind == "bad",
    )
    assert str(quality) == text
    assert f"{quality}" == text
    assert f"{quality:03d}" == f"{number:03d}"
    assert quality == number


def test_common_qualities_have_names() -> None:
    assert [Quality.BAD, Quality.NOT_CONNECTED, Quality.UNCERTAIN, Quality.GOOD, Quality.GOOD_LOCAL_OVERRIDE] == [
        0,
        8,
        64,
        192,
        216,
    ]
