"""`version` says which releases work together."""

from __future__ import annotations

from importlib import metadata

from cli_support.command_line import good
from mxgateway import GATEWAY_PROTOCOL_VERSION
from mxgateway_cli._version import VERSION


async def test_a_pipe_gets_the_version_in_one_line() -> None:
    assert (await good("version")).stdout == f"mxgw-py {VERSION}\n"


async def test_json_names_everything_that_the_command_line_stands_on() -> None:
    record = (await good("version", "--json")).record

    assert record["version"] == VERSION
    assert record["gatewayProtocolVersion"] == GATEWAY_PROTOCOL_VERSION
    assert {name: record[name] for name in ("client", "proto", "grpcio", "protobuf")} == {
        "client": metadata.version("mxaccess-gateway-client"),
        "proto": metadata.version("mxaccess-gateway-proto"),
        "grpcio": metadata.version("grpcio"),
        "protobuf": metadata.version("protobuf"),
    }
