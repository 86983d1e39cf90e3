"""TLS configuration of the simulated gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import grpc

__all__ = ["ServerTls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """The certificates of the gateway, in PEM format: as bytes, or as the path of a file.

    Attributes:
        certificate_chain: the certificate of the gateway, followed by any intermediate certificates.
        private_key: the private key of the gateway.
        client_ca: the CA that signs the client certificates; clients need no certificate if it is None.
    """

    certificate_chain: bytes | str | Path
    private_key: bytes | str | Path = field(repr=False)
    client_ca: bytes | str | Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Return the credentials for a gRPC server.

        Raises:
            OSError: a file cannot be read.
        """
        client_ca = None if self.client_ca is None else _read_pem(self.client_ca)
        return grpc.ssl_server_credentials(
            [(_read_pem(self.private_key), _read_pem(self.certificate_chain))],
            root_certificates=client_ca,
            require_client_auth=client_ca is not None,
        )


def _read_pem(source: bytes | str | Path) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()
