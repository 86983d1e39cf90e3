"""Events of a session, and the stream that delivers them."""

from mxgateway.events.stream import EventStream
from mxgateway.events.views import (
    AlarmProviderModeChanged,
    AlarmTransition,
    BufferedDataChange,
    BufferedSample,
    DataChange,
    MxEvent,
    OperationComplete,
    ReplayGap,
    WriteComplete,
)

__all__ = [
    "AlarmProviderModeChanged",
    "AlarmTransition",
    "BufferedDataChange",
    "BufferedSample",
    "DataChange",
    "EventStream",
    "MxEvent",
    "OperationComplete",
    "ReplayGap",
    "WriteComplete",
]
