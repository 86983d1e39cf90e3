"""Libraries that come with an extra of the package, imported on use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mxgateway.errors import MxGatewayConfigurationError

__all__ = ["import_extra"]


def import_extra(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module of a library that comes with an extra.

    Args:
        module: The module's full name.
        extra: The extra of mxaccess-gateway-client.
        purpose: What needs it, for the error: `Parquet`.

    Raises:
        MxGatewayConfigurationError: The library is not installed; the text says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        text = f"{purpose} needs {library}: pip install 'mxaccess-gateway-client[{extra}]'"
        raise MxGatewayConfigurationError(text) from error
