"""TLS for the simulated gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import grpc

__all__ = ["ServerTls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """What the gateway shows of itself, and whom it lets in. PEM, as bytes or as the path of a file.

    Attributes:
        certificate_chain: the gateway's certificate, and those that lead to the root.
        private_key: its private key.
        client_ca: the root of the clients' certificates; clients need no certificate when it is None.
    """

    certificate_chain: bytes | str | Path
    private_key: bytes | str | Path = field(repr=False)
    client_ca: bytes | str | Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Give what a gRPC server takes.

        Raises:
            OSError: a file can't be read.
        """
        client_ca = None if self.client_ca is None else _pem(self.client_ca)
        return grpc.ssl_server_credentials(
            [(_pem(self.private_key), _pem(self.certificate_chain))],
            root_certificates=client_ca,
            require_client_auth=client_ca is not None,
        )


def _pem(source: bytes | str | Path) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()
