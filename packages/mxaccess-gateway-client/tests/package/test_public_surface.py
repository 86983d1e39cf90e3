"""What `import mxgateway` gives, and that it does nothing else."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
import typing

import pytest

import mxgateway
from mxgateway import ClientOptions, OpenSessionOptions
from mxgateway.options import ClientOptionsFields
from mxgateway.session import OpenSessionOptionsFields

PUBLIC = """
GATEWAY_PROTOCOL_VERSION
ActiveAlarm
ActiveAlarms
AlarmConditionState
AlarmFeed
AlarmFeedItem
AlarmProviderMode
AlarmProviderModeChanged
AlarmProviderStatus
AlarmSnapshotComplete
AlarmTransition
AlarmTransitionKind
ApiKey
BufferedDataChange
BufferedSample
BulkReadResult
BulkWriteResult
ClientOptions
DataChange
DeployEvent
DeployWatch
ErrorFacts
EventStream
Galaxy
GalaxyAttribute
GalaxyObject
GalaxyObjects
GalaxyPlace
GatewayClient
MxAccessError
MxDataType
MxEvent
MxEventFamily
MxGatewayAuthenticationError
MxGatewayAuthorizationError
MxGatewayCertificateError
MxGatewayCommandError
MxGatewayConfigurationError
MxGatewayError
MxGatewayEventLossError
MxGatewayGalaxyChangedError
MxGatewayLimitError
MxGatewayNotFoundError
MxGatewayProtocolError
MxGatewaySessionError
MxGatewayStreamEndedError
MxGatewayTimeoutError
MxGatewayTransportError
MxGatewayUsageError
MxGatewayVersionError
MxGatewayWorkerError
MxScalar
MxStatus
MxStatusCategory
MxStatusSource
MxValue
MxValueInput
MxValueOutput
OpenSessionOptions
OperationComplete
OverflowPolicy
ProtocolStatusCode
Quality
ReplayGap
Session
SessionInfo
SessionState
SparseArray
SubscribeResult
TagChange
TagClient
TagOptions
TagReading
TagRefused
TagWatch
UnrecognizedAlarmMessage
WatchGap
WatchItem
WatchLost
WatchRestored
WorkerInfo
Write2BulkEntry
WriteBulkEntry
WriteComplete
WriteSecured2BulkEntry
WriteSecuredBulkEntry
from_mx_value
to_mx_value
"""

IMPORT_AND_LOOK = """
import asyncio, logging, os, sys, threading

environment, seen = dict(os.environ), set()
class Environment(dict):
    def __getitem__(self, name):
        seen.add(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        seen.add(name)
        return super().get(name, default)
os.environ = Environment(environment)

from mxgateway import *

assert not [name for name in seen if str(name).startswith("MXGATEWAY")], seen
assert threading.active_count() == 1, threading.enumerate()
assert not logging.getLogger().handlers
names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "mxgateway"]
assert names, "the loggers are named after the modules"
for name in names:
    logger = logging.getLogger(name)
    assert not logger.handlers and logger.propagate and logger.level == logging.NOTSET, name
try:
    asyncio.get_running_loop()
except RuntimeError:
    pass
else:
    raise AssertionError("a loop runs")
unwanted = {"mxgateway.testing", "pytest", "click", "rich", "mxgateway_cli"} & set(sys.modules)
assert not unwanted, unwanted
print("fine")
"""


def test_the_public_names_are_these() -> None:
    assert mxgateway.__all__ == PUBLIC.split()


def test_the_public_names_are_sorted_and_exist() -> None:
    # Constants, classes, functions: as ruff sorts them.
    assert mxgateway.__all__ == sorted(
        set(mxgateway.__all__), key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    for name in mxgateway.__all__:
        assert hasattr(mxgateway, name), name


def test_every_public_class_says_what_it_is_and_where_it_is_from() -> None:
    for name in mxgateway.__all__:
        public = getattr(mxgateway, name)
        if isinstance(public, type) and public.__module__.startswith("mxgateway"):
            assert public.__doc__, name


def test_every_module_names_what_it_exports() -> None:
    for name, module in sys.modules.items():
        if name.startswith("mxgateway.") and not name.startswith("mxgateway.testing"):
            assert getattr(module, "__all__", ()) or hasattr(module, "__path__"), name


def test_the_import_has_no_side_effect() -> None:
    process = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_LOOK], capture_output=True, text=True, timeout=30, check=False
    )

    assert process.returncode == 0, process.stderr
    assert (process.stdout, process.stderr) == ("fine\n", "")


@pytest.mark.parametrize(
    ("options", "fields"),
    [(ClientOptions, ClientOptionsFields), (OpenSessionOptions, OpenSessionOptionsFields)],
)
def test_the_keywords_of_a_function_are_the_fields_of_its_options(options: typing.Any, fields: type) -> None:
    assert {field.name: field.type for field in dataclasses.fields(options)} == {
        name: annotation.__forward_arg__ for name, annotation in fields.__annotations__.items()
    }


def test_every_option_is_documented() -> None:
    for options in (ClientOptions, OpenSessionOptions):
        for field in dataclasses.fields(options):
            assert f"\n    {field.name}: " in (inspect.getdoc(options) or ""), field.name
