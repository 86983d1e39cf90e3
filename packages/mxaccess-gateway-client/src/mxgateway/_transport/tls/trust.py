"""Trust in a gateway's certificate by its fingerprint: pinned, remembered, or on first use."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mxgateway._support.validation import normalize_fingerprint
from mxgateway._transport.tls.certificate import (
    ShownCertificate,
    certificate_names,
    decode_certificate,
    read_certificate,
)
from mxgateway.errors import ErrorFacts, MxGatewayCertificateError, MxGatewayTransportError

if TYPE_CHECKING:
    from mxgateway.options import ClientOptions

_logger = logging.getLogger("mxgateway.tls")

__all__ = ["Trust", "trust_by_fingerprint", "trusted_certificate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Which certificates are trusted by their fingerprint.

    Attributes:
        fingerprints: SHA-256, 64 hex digits each.
        source: the option, and the file if there is one, that the fingerprints come from.
        first_use: True if the gateway is unknown and the first certificate that it shows is to be trusted.
    """

    fingerprints: tuple[str, ...]
    source: str
    first_use: bool

    def refusal(self, options: ClientOptions, fingerprint: str) -> MxGatewayCertificateError | None:
        """Return the error for a certificate that is not trusted, or None if it is trusted."""
        facts = ErrorFacts(
            method="connect",
            target=options.endpoint,
            trusted_fingerprints=self.fingerprints,
            shown_fingerprint=fingerprint,
        )
        if self.first_use or fingerprint in self.fingerprints:
            return None
        if not self.fingerprints:
            return MxGatewayCertificateError(
                f"the gateway is not in {self.source}; the SHA-256 fingerprint of its certificate is {fingerprint}",
                facts,
            ).with_hint(
                "compare the fingerprint with the gateway's own certificate, then add it to the file or set "
                "trust_on_first_use"
            )
        return MxGatewayCertificateError(
            f"the gateway's certificate is not the trusted one: its SHA-256 fingerprint is {fingerprint}, "
            f"but {self.source} has {' and '.join(self.fingerprints)}",
            facts,
        ).with_hint(
            "this may be an attack: find out why the certificate changed; replace the trusted fingerprint only if the "
            "gateway has a new certificate"
        )


def trust_by_fingerprint(options: ClientOptions) -> Trust | None:
    """Return the certificates that the options trust by fingerprint, or None if they trust in another way.

    Raises:
        MxGatewayConfigurationError: `known_gateways_file` cannot be read or is invalid.
    """
    if options.certificate_fingerprint is not None:
        pinned = normalize_fingerprint(options.certificate_fingerprint) or ""
        return Trust(fingerprints=(pinned,), source="certificate_fingerprint", first_use=False)
    if options.known_gateways_file is None:
        return None
    from mxgateway._transport.tls.known_gateways import KnownGateways  # noqa: PLC0415 - most clients have no such file

    known = KnownGateways(options.known_gateways_file)
    fingerprints = known.fingerprints(options.endpoint, may_be_missing=options.trust_on_first_use)
    return Trust(
        fingerprints=fingerprints,
        source=f"known_gateways_file {options.known_gateways_file}",
        first_use=options.trust_on_first_use and not fingerprints,
    )


async def trusted_certificate(options: ClientOptions, trust: Trust) -> ShownCertificate:
    """Return the certificate that the gateway shows if it is trusted; on first use add it to the file.

    Takes at most `connect_timeout`.

    Raises:
        MxGatewayCertificateError: the certificate is not trusted, or it cannot be used.
        MxGatewayTransportError: the gateway showed no certificate.
        MxGatewayConfigurationError: `known_gateways_file` cannot be read or written, or is invalid.
        MxGatewayTimeoutError: another process keeps `known_gateways_file` locked.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + options.connect_timeout
    shown, problem = await _read_usable_certificate(options)
    facts = ErrorFacts(method="connect", target=options.endpoint)
    if shown is None:
        raise MxGatewayTransportError(f"the gateway showed no certificate to compare ({problem})", facts)
    refusal = trust.refusal(options, shown.fingerprint)
    if refusal is not None:
        raise refusal
    if problem is None and not certificate_names(shown.fields):
        problem = "it has no name, which gRPC requires"
    if problem is not None:
        facts = replace(facts, trusted_fingerprints=trust.fingerprints, shown_fingerprint=shown.fingerprint)
        raise MxGatewayCertificateError(f"the gateway's certificate cannot be used: {problem}", facts).with_hint(
            "install a certificate on the gateway that is valid now, for servers, with the host's name and a strong key"
        )
    if trust.first_use and options.known_gateways_file is not None:
        from mxgateway._transport.tls.known_gateways import KnownGateways  # noqa: PLC0415

        seconds = deadline - loop.time()
        known_gateways = KnownGateways(options.known_gateways_file)
        known = await known_gateways.remember(options.endpoint, shown.fingerprint, seconds=seconds)
        # Another process may have added the gateway first, with another certificate.
        refusal = replace(trust, fingerprints=known, first_use=False).refusal(options, shown.fingerprint)
        if refusal is not None:
            raise refusal
        _logger.warning(
            "%s is trusted on first use and remembered in %s: a certificate for %s with the SHA-256 fingerprint %s; "
            "compare it with the gateway's own certificate",
            options.endpoint,
            options.known_gateways_file,
            ", ".join(certificate_names(shown.fields)) or "no name",
            shown.fingerprint,
        )
    return shown


async def _read_usable_certificate(options: ClientOptions) -> tuple[ShownCertificate | None, str | None]:
    """Return the certificate that the gateway shows, or None, and the reason why it cannot be used, or None."""
    shown: ShownCertificate | None = None
    try:
        async with asyncio.timeout(options.connect_timeout):
            shown = await read_certificate(options)
            return await decode_certificate(options, shown, check_dates=True), None
    except ssl.SSLCertVerificationError as error:
        return shown, error.verify_message
    except TimeoutError:
        return shown, f"no answer within {options.connect_timeout:g} s"
    except OSError as error:
        return shown, str(error) or "the server closed the connection"
