"""The JSON of payloads has the form that its schema describes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator, ValidationError, validate

from mxgateway import MxGatewayConfigurationError, MxValueInput
from mxgateway.forwarding import Payload, payload_schema
from mxgateway.forwarding.payload import encode_records
from mxgateway.recording import RecordKind, TagRecord
from support.recording import NANOSECONDS, change

VALUES: list[MxValueInput] = [
    True,
    7,
    2**40,
    1.5,
    float("nan"),
    float("-inf"),
    "Grüße",
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    [1, 2],
    ["a", "b"],
]
OTHERS = [
    TagRecord(kind=kind, received_nanoseconds=NANOSECONDS, tag=tag, detail=detail)
    for kind in RecordKind
    if kind is not RecordKind.CHANGE
    for tag, detail in (("A.B", "reason"), ("", ""))
]


def test_every_kind_of_record_matches_the_schema() -> None:
    for payload in (Payload.JSON, Payload.VTQ):
        Draft202012Validator.check_schema(payload_schema(payload))
        for record in map(change, VALUES):
            validate(json.loads(encode_records([record], payload)), payload_schema(payload))
        for record in OTHERS:
            validate(json.loads(encode_records([record], payload)), payload_schema(Payload.JSON))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "change", "receivedTime": "2026-01-02T03:04:05.678900Z"},
        {"kind": "gap", "receivedTime": "2026-01-02T03:04:05.678900Z", "value": 1},
        {"kind": "gap", "receivedTime": "yesterday"},
        {"kind": "other", "receivedTime": "2026-01-02T03:04:05.678900Z"},
    ],
)
def test_the_schema_refuses_other_json(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        validate(wrong, payload_schema(Payload.JSON))


def test_protobuf_has_no_schema() -> None:
    with pytest.raises(MxGatewayConfigurationError, match="the payload protobuf has no JSON Schema"):
        payload_schema(Payload.PROTOBUF)
