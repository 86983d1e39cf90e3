"""Every rpc and every command kind of the contract has a command."""

from __future__ import annotations

import pytest
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway_cli.app import COMMANDS

NAMES = {name for names in COMMANDS.values() for name in names}
# Command kinds that another command covers with an option, or that have another name.
OTHER_NAMES = {
    "add-item2": "add-item",
    "write2": "write",
    "write-secured2": "write-secured",
    "get-session-state": "session-state",
    "get-worker-info": "worker-info",
    "query-active-alarms": "session-active-alarms",
    "acknowledge-alarm": "acknowledge-alarm-by-guid",
}
RPCS = {
    "OpenSession": "open-session",
    "CloseSession": "close-session",
    "Invoke": "ping",
    "StreamEvents": "stream-events",
    "AcknowledgeAlarm": "acknowledge-alarm",
    "StreamAlarms": "stream-alarms",
    "QueryActiveAlarms": "query-active-alarms",
    "TestConnection": "galaxy-test-connection",
    "GetLastDeployTime": "galaxy-last-deploy",
    "DiscoverHierarchy": "galaxy-discover",
    "BrowseChildren": "browse",
    "WatchDeployEvents": "galaxy-watch",
}


@pytest.mark.parametrize(
    "kind", sorted(set(pb.MxCommandKind.DESCRIPTOR.values_by_name) - {"MX_COMMAND_KIND_UNSPECIFIED"})
)
def test_every_command_kind_has_command(kind: str) -> None:
    name = kind.removeprefix("MX_COMMAND_KIND_").lower().replace("_", "-")

    assert OTHER_NAMES.get(name, name) in NAMES


@pytest.mark.parametrize(
    "rpc",
    [
        method.name
        for service in (
            pb.DESCRIPTOR.services_by_name["MxAccessGateway"],
            galaxy_pb.DESCRIPTOR.services_by_name["GalaxyRepository"],
        )
        for method in service.methods
    ],
)
def test_every_rpc_has_command(rpc: str) -> None:
    assert RPCS[rpc] in NAMES
