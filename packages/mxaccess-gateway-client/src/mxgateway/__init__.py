"""Async client for the MXAccess Gateway of AVEVA System Platform plants.

client = await GatewayClient.connect(endpoint="localhost:5000", api_key=key, plaintext=True)
"""

import lazy_loader

# The names are listed in __init__.pyi. Each is imported at its first use, so that a program that needs few of them
# starts quickly, and so that the pytest plugin, which every pytest loads, imports none.
__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)

# `from mxgateway import *` does not import the modules: names such as `client` and `session` are for variables.
# The list comes from the stub, where tools see its names.
__all__ = [name for name in _names if "_" in name or not name.islower()]  # pyright: ignore[reportUnsupportedDunderAll]
