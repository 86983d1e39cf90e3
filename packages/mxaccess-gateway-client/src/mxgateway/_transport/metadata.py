"""The metadata of every call, which carries the API key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio

from mxgateway.redaction import REDACTED, Secret

if TYPE_CHECKING:
    from mxgateway.auth import ApiKey

__all__ = ["AuthorizationMetadata"]


class AuthorizationMetadata(grpc.aio.Metadata):
    """The metadata of every call, with a repr that is safe in logs and in tracebacks with local variables."""

    def __init__(self, api_key: ApiKey | None) -> None:
        if api_key is None:
            super().__init__()
        else:
            # The value is a Secret because gRPC copies it into tuples and lists that have a repr of their own.
            super().__init__(("authorization", Secret(f"Bearer {api_key.reveal()}")))

    def __repr__(self) -> str:
        return f"AuthorizationMetadata('{REDACTED}')"
