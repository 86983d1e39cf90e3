"""Async client for the MXAccess Gateway of AVEVA System Platform plants.

client = await GatewayClient.connect(endpoint="localhost:5000", api_key=key, plaintext=True)
"""

from typing import TYPE_CHECKING

from mxgateway._support.on_demand import names_on_demand

if TYPE_CHECKING:
    from mxgateway._commands.control import WorkerInfo
    from mxgateway.alarms.active import ActiveAlarm, ActiveAlarms
    from mxgateway.alarms.feed import (
        AlarmFeed,
        AlarmFeedItem,
        AlarmProviderStatus,
        AlarmSnapshotComplete,
        UnrecognizedAlarmMessage,
    )
    from mxgateway.auth import ApiKey
    from mxgateway.bulk import (
        BulkReadResult,
        BulkWriteResult,
        SubscribeResult,
        Write2BulkEntry,
        WriteBulkEntry,
        WriteSecured2BulkEntry,
        WriteSecuredBulkEntry,
    )
    from mxgateway.client import GATEWAY_PROTOCOL_VERSION, GatewayClient
    from mxgateway.errors import (
        ErrorFacts,
        MxAccessError,
        MxGatewayAuthenticationError,
        MxGatewayAuthorizationError,
        MxGatewayCertificateError,
        MxGatewayCommandError,
        MxGatewayConfigurationError,
        MxGatewayError,
        MxGatewayEventLossError,
        MxGatewayGalaxyChangedError,
        MxGatewayLimitError,
        MxGatewayNotFoundError,
        MxGatewayProtocolError,
        MxGatewaySessionError,
        MxGatewayStreamEndedError,
        MxGatewayTimeoutError,
        MxGatewayTransportError,
        MxGatewayUsageError,
        MxGatewayVersionError,
        MxGatewayWorkerError,
    )
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
    from mxgateway.galaxy.client import DeployEvent, DeployWatch, Galaxy, GalaxyPlace
    from mxgateway.galaxy.objects import GalaxyAttribute, GalaxyObject
    from mxgateway.galaxy.pages import GalaxyObjects
    from mxgateway.options import ClientOptions
    from mxgateway.protocol import ProtocolStatusCode, SessionState
    from mxgateway.session import OpenSessionOptions, Session, SessionInfo
    from mxgateway.status import (
        AlarmConditionState,
        AlarmProviderMode,
        AlarmTransitionKind,
        MxDataType,
        MxEventFamily,
        MxStatus,
        MxStatusCategory,
        MxStatusSource,
        Quality,
    )
    from mxgateway.tags.changes import (
        OverflowPolicy,
        TagChange,
        TagRefused,
        WatchGap,
        WatchItem,
        WatchLost,
        WatchRestored,
    )
    from mxgateway.tags.client import TagClient, TagOptions, TagWatch
    from mxgateway.tags.reading import TagReading
    from mxgateway.values import MxScalar, MxValue, MxValueInput, MxValueOutput, SparseArray, from_mx_value, to_mx_value
else:
    # Who imports one name pays for what it needs, and the pytest plugin for nothing. Only type checkers need it twice.
    __getattr__, __dir__ = names_on_demand(
        __name__,
        {
            "alarms": (
                "ActiveAlarm ActiveAlarms AlarmFeed AlarmFeedItem AlarmProviderStatus AlarmSnapshotComplete "
                "UnrecognizedAlarmMessage"
            ),
            "auth": "ApiKey",
            "bulk": (
                "BulkReadResult BulkWriteResult SubscribeResult Write2BulkEntry WriteBulkEntry "
                "WriteSecured2BulkEntry WriteSecuredBulkEntry"
            ),
            "client": "GATEWAY_PROTOCOL_VERSION GatewayClient",
            "diagnosis": "",
            "errors": (
                "ErrorFacts MxAccessError MxGatewayAuthenticationError MxGatewayAuthorizationError "
                "MxGatewayCertificateError MxGatewayCommandError MxGatewayConfigurationError MxGatewayError "
                "MxGatewayEventLossError "
                "MxGatewayGalaxyChangedError MxGatewayLimitError MxGatewayNotFoundError MxGatewayProtocolError "
                "MxGatewaySessionError MxGatewayStreamEndedError MxGatewayTimeoutError MxGatewayTransportError "
                "MxGatewayUsageError MxGatewayVersionError MxGatewayWorkerError"
            ),
            "events": (
                "AlarmProviderModeChanged AlarmTransition BufferedDataChange BufferedSample DataChange "
                "EventStream MxEvent OperationComplete ReplayGap WriteComplete"
            ),
            "galaxy": "DeployEvent DeployWatch Galaxy GalaxyAttribute GalaxyObject GalaxyObjects GalaxyPlace",
            "options": "ClientOptions",
            "protocol": "ProtocolStatusCode SessionState",
            "session": "OpenSessionOptions Session SessionInfo WorkerInfo",
            "status": (
                "AlarmConditionState AlarmProviderMode AlarmTransitionKind MxDataType MxEventFamily MxStatus "
                "MxStatusCategory MxStatusSource Quality"
            ),
            "tags": (
                "OverflowPolicy TagChange TagClient TagOptions TagReading TagRefused TagWatch WatchGap "
                "WatchItem WatchLost WatchRestored"
            ),
            "values": "MxScalar MxValue MxValueInput MxValueOutput SparseArray from_mx_value to_mx_value",
        },
    )

__all__ = [
    "GATEWAY_PROTOCOL_VERSION",
    "ActiveAlarm",
    "ActiveAlarms",
    "AlarmConditionState",
    "AlarmFeed",
    "AlarmFeedItem",
    "AlarmProviderMode",
    "AlarmProviderModeChanged",
    "AlarmProviderStatus",
    "AlarmSnapshotComplete",
    "AlarmTransition",
    "AlarmTransitionKind",
    "ApiKey",
    "BufferedDataChange",
    "BufferedSample",
    "BulkReadResult",
    "BulkWriteResult",
    "ClientOptions",
    "DataChange",
    "DeployEvent",
    "DeployWatch",
    "ErrorFacts",
    "EventStream",
    "Galaxy",
    "GalaxyAttribute",
    "GalaxyObject",
    "GalaxyObjects",
    "GalaxyPlace",
    "GatewayClient",
    "MxAccessError",
    "MxDataType",
    "MxEvent",
    "MxEventFamily",
    "MxGatewayAuthenticationError",
    "MxGatewayAuthorizationError",
    "MxGatewayCertificateError",
    "MxGatewayCommandError",
    "MxGatewayConfigurationError",
    "MxGatewayError",
    "MxGatewayEventLossError",
    "MxGatewayGalaxyChangedError",
    "MxGatewayLimitError",
    "MxGatewayNotFoundError",
    "MxGatewayProtocolError",
    "MxGatewaySessionError",
    "MxGatewayStreamEndedError",
    "MxGatewayTimeoutError",
    "MxGatewayTransportError",
    "MxGatewayUsageError",
    "MxGatewayVersionError",
    "MxGatewayWorkerError",
    "MxScalar",
    "MxStatus",
    "MxStatusCategory",
    "MxStatusSource",
    "MxValue",
    "MxValueInput",
    "MxValueOutput",
    "OpenSessionOptions",
    "OperationComplete",
    "OverflowPolicy",
    "ProtocolStatusCode",
    "Quality",
    "ReplayGap",
    "Session",
    "SessionInfo",
    "SessionState",
    "SparseArray",
    "SubscribeResult",
    "TagChange",
    "TagClient",
    "TagOptions",
    "TagReading",
    "TagRefused",
    "TagWatch",
    "UnrecognizedAlarmMessage",
    "WatchGap",
    "WatchItem",
    "WatchLost",
    "WatchRestored",
    "WorkerInfo",
    "Write2BulkEntry",
    "WriteBulkEntry",
    "WriteComplete",
    "WriteSecured2BulkEntry",
    "WriteSecuredBulkEntry",
    "from_mx_value",
    "to_mx_value",
]
