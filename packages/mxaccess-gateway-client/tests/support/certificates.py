"""Certificates for the tests: valid ones, and one for each common fault."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from mxgateway.testing import ServerTls


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate with its chain, and its private key, as PEM files."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, 64 hex digits."""
        first, end, _ = self.certificate.read_text().partition("-----END CERTIFICATE-----")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first + end)).hexdigest()

    def server(self, client_ca: Path | None = None) -> ServerTls:
        """Return the TLS configuration of a gateway with this certificate."""
        return ServerTls(certificate_chain=self.certificate, private_key=self.key, client_ca=client_ca)


def write_certificate(
    folder: Path,
    *names: str,
    common_name: str = "gateway",
    is_ca: bool | None = None,
    usage: x509.ObjectIdentifier | None = None,
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=30),
    by: Pair | None = None,
) -> Pair:
    """Write a certificate for names and addresses, self-signed or signed by `by`; its validity is relative to now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
    now = datetime.now(UTC)
    issuer, signing_key = subject, key
    if by is not None:
        issuer = x509.load_pem_x509_certificate(by.certificate.read_bytes()).subject
        loaded = load_pem_private_key(by.key.read_bytes(), password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signing_key = loaded
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), False)
    if is_ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    certificate = builder.sign(signing_key, hashes.SHA256())
    stem = certificate.fingerprint(hashes.SHA256()).hex()[:16]
    pair = Pair(certificate=folder / f"{stem}.crt", key=folder / f"{stem}.private")
    pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return pair


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Two authorities and the certificates that they issued; `gateway` is for 127.0.0.1 and localhost."""

    ca: Path
    foreign_ca: Path
    gateway: Pair
    named_otherwise: Pair
    expired: Pair
    not_yet_valid: Pair
    client: Pair
    other_client: Pair
    foreign_client: Pair
    encrypted_key: Path

    @classmethod
    def issue(cls, folder: Path) -> Self:
        """Issue all certificates and write them to a folder."""
        ca, foreign = trustme.CA(), trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca.crt")
        foreign.cert_pem.write_to_path(folder / "foreign.crt")

        def issue(
            name: str,
            *identities: str,
            by: trustme.CA = ca,
            begins: datetime | None = None,
            ends: datetime | None = None,
        ) -> Pair:
            issued = by.issue_cert(*identities, not_before=begins, not_after=ends)
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
            not_yet_valid=issue(
                "not_yet_valid",
                "127.0.0.1",
                begins=datetime(2100, 1, 1, tzinfo=UTC),
                ends=datetime(2101, 1, 1, tzinfo=UTC),
            ),
            client=client,
            foreign_client=issue("foreign_client", "client.plant", by=foreign),
            other_client=issue("other_client", "other.plant"),
            encrypted_key=encrypted,
        )
