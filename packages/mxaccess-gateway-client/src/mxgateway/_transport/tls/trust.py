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
    shown_certificate,
)
from mxgateway.errors import ErrorFacts, MxGatewayCertificateError, MxGatewayTransportError

if TYPE_CHECKING:
    from mxgateway.options import ClientOptions

_logger = logging.getLogger("mxgateway.tls")

__all__ = ["Trust", "trust_by_fingerprint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Which certificates are to be trusted by their fingerprint.

    Attributes:
        fingerprints: SHA-256, 64 hex digits each.
        where: where they stand.
        first_use: whether the gateway has none yet, and the first that it shows is to be trusted.
    """

    fingerprints: tuple[str, ...]
    where: str
    first_use: bool

    def refusal(self, options: ClientOptions, fingerprint: str) -> MxGatewayCertificateError | None:
        """Give the error for a certificate that is not to be trusted, or None when it is."""
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
                f"the gateway isn't in {self.where}, its certificate's SHA-256 fingerprint is {fingerprint}", facts
            ).with_hint("compare it with the gateway's own, then add it there, or set trust_on_first_use")
        return MxGatewayCertificateError(
            f"the gateway's certificate is not the trusted one: its SHA-256 fingerprint is {fingerprint}, "
            f"in {self.where} stands {' and '.join(self.fingerprints)}",
            facts,
        ).with_hint(
            "somebody may sit between you and the gateway: find out why it changed; only if the gateway has a new "
            "certificate, put the new fingerprint there"
        )


def trust_by_fingerprint(options: ClientOptions) -> Trust | None:
    """Give the certificates that the options trust by their fingerprint; None when they trust in another way.

    Raises:
        MxGatewayConfigurationError: `known_gateways_file` can't be read or understood.
    """
    if options.certificate_fingerprint is not None:
        pinned = normalize_fingerprint(options.certificate_fingerprint) or ""
        return Trust(fingerprints=(pinned,), where="certificate_fingerprint", first_use=False)
    if options.known_gateways_file is None:
        return None
    from mxgateway._transport.tls.known_gateways import KnownGateways  # noqa: PLC0415 - most have no such file

    known = KnownGateways(options.known_gateways_file)
    fingerprints = known.fingerprints(options.endpoint, may_be_missing=options.trust_on_first_use)
    return Trust(
        fingerprints=fingerprints,
        where=f"known_gateways_file {options.known_gateways_file}",
        first_use=options.trust_on_first_use and not fingerprints,
    )


async def trusted_certificate(options: ClientOptions, trust: Trust) -> ShownCertificate:
    """Give the certificate that the gateway shows, when it is one to trust; on first use write it down."""
    shown, problem = await _look_for_use(options)
    facts = ErrorFacts(method="connect", target=options.endpoint)
    if shown is None:
        raise MxGatewayTransportError(f"the gateway showed no certificate to compare ({problem})", facts)
    refusal = trust.refusal(options, shown.fingerprint)
    if refusal is not None:
        raise refusal
    if problem is None and not certificate_names(shown.fields):
        problem = "it has no name, which gRPC insists on"
    if problem is not None:
        facts = replace(facts, trusted_fingerprints=trust.fingerprints, shown_fingerprint=shown.fingerprint)
        raise MxGatewayCertificateError(f"the gateway's certificate can't be used: {problem}", facts).with_hint(
            "give the gateway a certificate that is valid now, for servers, with the host's name and a strong key"
        )
    if trust.first_use and options.known_gateways_file is not None:
        from mxgateway._transport.tls.known_gateways import KnownGateways  # noqa: PLC0415

        known = await KnownGateways(options.known_gateways_file).remember(options.endpoint, shown.fingerprint)
        # Another process may have been quicker, and have met another gateway.
        refusal = replace(trust, fingerprints=known, first_use=False).refusal(options, shown.fingerprint)
        if refusal is not None:
            raise refusal
        _logger.warning(
            "%s is trusted on first use and remembered in %s: a certificate for %s with the SHA-256 fingerprint %s; "
            "compare it with the gateway's own",
            options.endpoint,
            options.known_gateways_file,
            ", ".join(certificate_names(shown.fields)) or "no name",
            shown.fingerprint,
        )
    return shown


async def _look_for_use(options: ClientOptions) -> tuple[ShownCertificate | None, str | None]:
    """Give the certificate that the gateway shows, and why nobody could use it; only the why when it shows none."""
    shown: ShownCertificate | None = None
    try:
        async with asyncio.timeout(options.connect_timeout):
            shown = await shown_certificate(options)
            return await decode_certificate(options, shown, dates_count=True), None
    except ssl.SSLCertVerificationError as error:
        return shown, error.verify_message
    except TimeoutError:
        return shown, f"no answer within {options.connect_timeout:g} s"
    except OSError as error:
        return shown, str(error) or "the other side ended the connection"
