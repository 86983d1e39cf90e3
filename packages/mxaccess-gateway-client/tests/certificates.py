"""The certificates of the tests: good ones, and each of the usual bad ones."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from mxgateway.testing import ServerTls


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate with its chain, and its key, as PEM files."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, 64 hex digits."""
        first, end, _ = self.certificate.read_text().partition("-----END CERTIFICATE-----")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first + end)).hexdigest()

    def server(self, client_ca: Path | None = None) -> ServerTls:
        """Give what a gateway with this certificate is started with."""
        return ServerTls(certificate_chain=self.certificate, private_key=self.key, client_ca=client_ca)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Two authorities and what the first one issued; the gateway's certificates are for 127.0.0.1 and localhost."""

    ca: Path
    foreign_ca: Path
    gateway: Pair
    named_otherwise: Pair
    expired: Pair
    client: Pair
    other_client: Pair
    encrypted_key: Path

    @classmethod
    def issue(cls, folder: Path) -> Self:
        """Write all of them into a folder."""
        ca, foreign = trustme.CA(), trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca.crt")
        foreign.cert_pem.write_to_path(folder / "foreign.crt")

        def issue(name: str, *identities: str, ends: datetime | None = None) -> Pair:
            issued = ca.issue_cert(*identities, not_after=ends)
            pair = Pair(certificate=folder / f"{name}.crt", key=folder / f"{name}.private")
            pair.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
            issued.private_key_pem.write_to_path(pair.key)
            return pair

        client = issue("client", "client.plant")
        key = load_pem_private_key(client.key.read_bytes(), password=None)
        encrypted = folder / "encrypted.private"
        encrypted.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
        )
        return cls(
            ca=folder / "ca.crt",
            foreign_ca=folder / "foreign.crt",
            gateway=issue("gateway", "127.0.0.1", "localhost"),
            named_otherwise=issue("named_otherwise", "gateway.plant"),
            expired=issue("expired", "127.0.0.1", ends=datetime(2020, 1, 1, tzinfo=UTC)),
            client=client,
            other_client=issue("other_client", "other.plant"),
            encrypted_key=encrypted,
        )
