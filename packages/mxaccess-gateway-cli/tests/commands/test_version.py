"""`version` prints the versions of mxgw-py and its dependencies."""

from __future__ import annotations

from importlib import metadata

import pytest

from cli_support.command_line import succeed
from mxgateway import GATEWAY_PROTOCOL_VERSION
from mxgateway_cli._version import VERSION


async def test_pipe_gets_version_in_one_line() -> None:
    assert (await succeed("version")).stdout == f"mxgw-py {VERSION}\n"


@pytest.mark.parametrize("option", ["--version", "-V"])
async def test_option_prints_version(option: str) -> None:
    assert (await succeed(option)).stdout == f"mxgw-py {VERSION}\n"


async def test_json_prints_versions_of_dependencies() -> None:
    record = (await succeed("version", "--json")).record

    assert record["version"] == VERSION
    assert record["gatewayProtocolVersion"] == GATEWAY_PROTOCOL_VERSION
    assert {name: record[name] for name in ("client", "proto", "grpcio", "protobuf")} == {
        "client": metadata.version("mxaccess-gateway-client"),
        "proto": metadata.version("mxaccess-gateway-proto"),
        "grpcio": metadata.version("grpcio"),
        "protobuf": metadata.version("protobuf"),
    }


async def test_value_is_the_version_alone() -> None:
    assert (await succeed("version", "-o", "value")).stdout == f"{VERSION}\n"
