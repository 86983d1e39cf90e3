"""The versions of everything that this command line stands on."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from mxgateway import GATEWAY_PROTOCOL_VERSION
from mxgateway_cli._version import VERSION

__all__ = ["versions"]


def versions() -> dict[str, Any]:
    """Give the versions by what they are of."""
    return {
        "version": VERSION,
        "client": metadata.version("mxaccess-gateway-client"),
        "proto": metadata.version("mxaccess-gateway-proto"),
        "gatewayProtocolVersion": GATEWAY_PROTOCOL_VERSION,
        "grpcio": metadata.version("grpcio"),
        "protobuf": metadata.version("protobuf"),
        "python": platform.python_version(),
    }
