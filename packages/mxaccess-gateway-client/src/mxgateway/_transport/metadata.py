"""The metadata of every call, which carries the API key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio

from mxgateway.redaction import REDACTED, Secret

if TYPE_CHECKING:
    from mxgateway.auth import ApiKey

__all__ = ["AuthorizationMetadata"]


class AuthorizationMetadata(grpc.aio.Metadata):
    """The metadata of every call, with a repr that a log or a traceback with locals may show."""

    def __init__(self, api_key: ApiKey | None) -> None:
        if api_key is None:
            super().__init__()
        else:
            # A Secret: gRPC takes it out of here, and keeps it in tuples and lists with a repr of their own.
            super().__init__(("authorization", Secret(f"Bearer {api_key.reveal()}")))

    def __repr__(self) -> str:
        return f"AuthorizationMetadata('{REDACTED}')"
