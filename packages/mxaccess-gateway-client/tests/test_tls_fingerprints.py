"""A certificate that is trusted by its fingerprint: pinned, written down, or met for the first time and remembered."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from certificates import Certificates, Pair, write_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from secure_gateways import Switch, gateway_with, refusal, talk
from waiting import until

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayCertificateError,
    MxGatewayConfigurationError,
    MxGatewayTransportError,
)
from mxgateway.testing import SimulatedGateway

OTHER = "ab" * 32


class KnownFile:
    """The file that remembers gateways, as its owner sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    @property
    def entries(self) -> list[list[str]]:
        """Endpoint and fingerprint of each line."""
        return [line.split()[:2] for line in self.read().splitlines() if not line.startswith("#")]

    @property
    def mode(self) -> int:
        """Who may read and write it."""
        return stat.S_IMODE(self.path.stat().st_mode)

    @property
    def neighbours(self) -> list[str]:
        """What else is in its folder."""
        return [path.name for path in self.path.parent.iterdir() if path != self.path]

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.path.is_symlink()

    def link_to(self, other: KnownFile) -> None:
        """Make it a symbolic link."""
        self.path.symlink_to(other.path)

    def read(self) -> str:
        """Give what stands in it."""
        return self.path.read_text(encoding="utf-8")

    def write(self, content: str | bytes) -> None:
        """Make it, or put something else in it."""
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def known(tmp_path: Path) -> KnownFile:
    """A file for known gateways, which isn't there yet."""
    return KnownFile(tmp_path / "known_gateways")


@pytest.fixture
async def gateway_(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway whose CA nobody here knows, with a certificate for 127.0.0.1 and localhost."""
    async with gateway_with(certificates.gateway) as gateway:
        yield gateway


@pytest.fixture(params=["pinned", "known", "first use"])
def trust(request: pytest.FixtureRequest, known: KnownFile) -> Any:
    """Each way to trust a certificate by its fingerprint, as options for a gateway that shows it."""

    def options(gateway: SimulatedGateway, shown: Pair) -> dict[str, Any]:
        if request.param == "pinned":
            return {"certificate_fingerprint": shown.fingerprint}
        if request.param == "known":
            known.write(f"{gateway.endpoint} {shown.fingerprint}\n")
        return {"known_gateways_file": known.path, "trust_on_first_use": request.param == "first use"}

    return options


CERTIFICATES: dict[str, dict[str, Any]] = {
    "for this host": {"names": ["127.0.0.1"]},
    "for this host, no CA": {"names": ["127.0.0.1"], "is_ca": False},
    "for this host, a CA itself": {"names": ["127.0.0.1"], "is_ca": True},
    "of the .NET development tools": {"names": ["localhost"], "usage": ExtendedKeyUsageOID.SERVER_AUTH},
    "for another host": {"names": ["gateway.plant"]},
    "for many hosts": {"names": ["*.plant.example"]},
    "for another address": {"names": ["10.1.2.3"]},
    "for an IPv6 address": {"names": ["fe80::7"]},
    "with nothing but a common name": {"names": [], "common_name": "gateway"},
    "with spaces in its common name": {"names": [], "common_name": "MXAccess Gateway"},
}


@pytest.mark.parametrize("kind", CERTIFICATES)
async def test_a_self_signed_certificate_is_trusted_under_any_name(trust: Any, tmp_path: Path, kind: str) -> None:
    fields = dict(CERTIFICATES[kind])
    shown = write_certificate(tmp_path, *fields.pop("names"), **fields)

    async with gateway_with(shown) as gateway:
        await talk(gateway, **trust(gateway, shown))


async def test_a_certificate_of_an_unknown_ca_is_trusted(trust: Any, certificates: Certificates) -> None:
    async with gateway_with(certificates.gateway) as gateway:
        await talk(gateway, **trust(gateway, certificates.gateway))


async def test_the_connection_goes_on_with_the_clients_certificate(trust: Any, certificates: Certificates) -> None:
    shown = certificates.named_otherwise
    async with gateway_with(shown, certificates.ca) as gateway:
        client: dict[str, Any] = {
            "client_certificate_file": certificates.client.certificate,
            "client_key_file": certificates.client.key,
        }
        await talk(gateway, **trust(gateway, shown), **client)


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"begins": timedelta(days=-9), "ends": timedelta(days=-8)}, "has expired"),
    "not yet valid": ({"begins": timedelta(days=8)}, "not yet valid"),
    "for clients": ({"usage": ExtendedKeyUsageOID.CLIENT_AUTH}, "unsuitable certificate purpose"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_a_certificate_that_can_not_be_used_is_refused_and_not_remembered(
    trust: Any, known: KnownFile, tmp_path: Path, kind: str
) -> None:
    fields, words = UNUSABLE[kind]
    shown = write_certificate(tmp_path, "127.0.0.1", **fields)
    async with gateway_with(shown) as gateway:
        options = trust(gateway, shown)
        before = known.exists

        error = await refusal(gateway, **options)

    assert isinstance(error, MxGatewayCertificateError)
    assert "the gateway's certificate can't be used" in str(error)
    assert words in str(error)
    assert known.exists == before


async def test_a_certificate_without_any_name_is_refused_with_what_to_do(trust: Any, tmp_path: Path) -> None:
    shown = write_certificate(tmp_path, common_name="")
    async with gateway_with(shown) as gateway:
        error = await refusal(gateway, **trust(gateway, shown))

    assert isinstance(error, MxGatewayCertificateError)
    assert "it has no name, which gRPC insists on -> give the gateway a certificate" in str(error)


async def test_a_name_override_must_stand_in_the_certificate(trust: Any, certificates: Certificates) -> None:
    shown = certificates.named_otherwise
    async with gateway_with(shown) as gateway:
        await talk(gateway, **trust(gateway, shown), server_name_override="gateway.plant")
        error = await refusal(gateway, **trust(gateway, shown), server_name_override="other.plant")

    assert "is for gateway.plant: use one of them in the endpoint or as server_name_override" in str(error)


@pytest.mark.parametrize("spelling", ["plain", "colons"])
async def test_a_fingerprint_is_pinned_in_either_spelling(
    gateway_: SimulatedGateway, certificates: Certificates, spelling: str
) -> None:
    digits = certificates.gateway.fingerprint
    if spelling == "colons":
        digits = ":".join(digits[index : index + 2] for index in range(0, 64, 2)).upper()

    await talk(gateway_, certificate_fingerprint=digits)


async def test_the_client_says_which_certificate_it_trusts(
    gateway_: SimulatedGateway, certificates: Certificates, known: KnownFile
) -> None:
    by_ca = ClientOptions(endpoint=gateway_.endpoint, api_key=gateway_.api_key, ca_file=certificates.ca)
    remembered = replace(by_ca, ca_file=None, known_gateways_file=known.path, trust_on_first_use=True)
    async with GatewayClient.connect(remembered) as client:
        assert client.certificate_fingerprint == certificates.gateway.fingerprint
    async with GatewayClient.connect(by_ca) as client:
        assert client.certificate_fingerprint is None


async def test_another_certificate_than_the_pinned_one_is_refused_with_both_fingerprints(
    gateway_: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(gateway_, certificate_fingerprint=OTHER.upper())

    assert isinstance(error, MxGatewayCertificateError)
    assert (error.trusted_fingerprints, error.shown_fingerprint) == ((OTHER,), certificates.gateway.fingerprint)
    assert certificates.gateway.fingerprint in str(error)
    assert OTHER in str(error)
    assert "somebody may sit between you and the gateway" in str(error)


async def test_a_port_without_tls_is_refused(trust: Any, gateway: SimulatedGateway, certificates: Certificates) -> None:
    error = await refusal(gateway, **trust(gateway, certificates.gateway))

    assert isinstance(error, MxGatewayTransportError)
    assert "showed no certificate" in str(error)
    assert "is it the plaintext port (plaintext=True)" in str(error)


async def test_a_port_where_nothing_listens_says_so(trust: Any, certificates: Certificates) -> None:
    async with gateway_with(certificates.gateway) as gateway:
        options = trust(gateway, certificates.gateway)
    with pytest.raises(MxGatewayTransportError, match="nothing listens on port"):
        await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, **options)


async def test_a_gateway_that_shows_another_certificate_after_the_look_is_refused(
    trust: Any, certificates: Certificates, known: KnownFile, tmp_path: Path
) -> None:
    impostor = write_certificate(tmp_path, "127.0.0.1", "localhost")
    async with (
        gateway_with(certificates.gateway) as gateway,
        gateway_with(impostor) as other,
        # Two looks come first; what comes after them is led to the impostor.
        Switch(_port(gateway), looks=2, then=_port(other)) as switch,
    ):
        options = trust(gateway, certificates.gateway)
        if known.exists:
            known.write(f"{switch.endpoint} {certificates.gateway.fingerprint}\n")
        error = await refusal(other, endpoint=switch.endpoint, **options)

        assert switch.made > 2
        assert not gateway.calls
    assert isinstance(error, MxGatewayTransportError)


# The file.


async def test_the_first_certificate_is_remembered_and_shown_once(
    gateway_: SimulatedGateway, certificates: Certificates, known: KnownFile, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await talk(gateway_, known_gateways_file=known.path, trust_on_first_use=True)

    (record,) = [record for record in caplog.records if record.name == "mxgateway.tls"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"{gateway_.endpoint} is trusted on first use and remembered in {known.path}: "
        f"a certificate for 127.0.0.1, localhost with the SHA-256 "
        f"fingerprint {certificates.gateway.fingerprint}; compare it with the gateway's own"
    )
    assert known.entries == [[gateway_.endpoint, certificates.gateway.fingerprint]]


async def test_what_was_remembered_is_trusted_without_first_use(gateway_: SimulatedGateway, known: KnownFile) -> None:
    await talk(gateway_, known_gateways_file=known.path, trust_on_first_use=True)
    await talk(gateway_, known_gateways_file=known.path)


@pytest.mark.parametrize("first_use", [False, True])
async def test_a_known_gateway_with_another_certificate_is_refused_and_the_file_stays_as_it_is(
    gateway_: SimulatedGateway, certificates: Certificates, known: KnownFile, first_use: bool
) -> None:
    known.write(f"{gateway_.endpoint} {OTHER}\n")

    error = await refusal(gateway_, known_gateways_file=known.path, trust_on_first_use=first_use)

    assert isinstance(error, MxGatewayCertificateError)
    assert (error.trusted_fingerprints, error.shown_fingerprint) == ((OTHER,), certificates.gateway.fingerprint)
    assert certificates.gateway.fingerprint in str(error)
    assert f"in known_gateways_file {known.path} stands {OTHER}" in str(error)
    assert "only if the gateway has a new certificate, put the new fingerprint there" in str(error)
    assert known.read() == f"{gateway_.endpoint} {OTHER}\n"


async def test_an_unknown_gateway_is_refused_unless_first_use_is_asked_for(
    gateway_: SimulatedGateway, certificates: Certificates, known: KnownFile
) -> None:
    known.write(f"other.plant:5001 {OTHER}\n")

    error = await refusal(gateway_, known_gateways_file=known.path)

    assert isinstance(error, MxGatewayCertificateError)
    assert (error.trusted_fingerprints, error.shown_fingerprint) == ((), certificates.gateway.fingerprint)
    assert f"the gateway isn't in known_gateways_file {known.path}" in str(error)
    assert certificates.gateway.fingerprint in str(error)
    assert known.read() == f"other.plant:5001 {OTHER}\n"


async def test_a_gateway_may_have_a_second_certificate_for_the_day_it_gets_it(
    certificates: Certificates, known: KnownFile
) -> None:
    async with gateway_with(certificates.gateway) as gateway:
        new = certificates.named_otherwise.fingerprint
        known.write(f"{gateway.endpoint} {certificates.gateway.fingerprint}\n{gateway.endpoint} {new}\n")
        await talk(gateway, known_gateways_file=known.path)
    async with gateway_with(certificates.named_otherwise, port=_port(gateway)) as gateway:
        await talk(gateway, known_gateways_file=known.path)


async def test_lines_are_read_in_any_spelling(
    gateway_: SimulatedGateway, certificates: Certificates, known: KnownFile
) -> None:
    digits = certificates.gateway.fingerprint.upper()
    colons = ":".join(digits[index : index + 2] for index in range(0, 64, 2))
    known.write(f"\ufeff# gateways\n\n  LOCALHOST:{_port(gateway_)}\t{colons} # hall 7\r\n")

    await talk(gateway_, endpoint=f"localhost:{_port(gateway_)}", known_gateways_file=known.path)


async def test_gateways_are_told_apart_by_host_and_port(certificates: Certificates, known: KnownFile) -> None:
    async with gateway_with(certificates.gateway) as one, gateway_with(certificates.named_otherwise) as another:
        for gateway in (one, another):
            await talk(gateway, known_gateways_file=known.path, trust_on_first_use=True)
        for gateway in (one, another):
            await talk(gateway, known_gateways_file=known.path)


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 on this machine")
@pytest.mark.parametrize("name", ["::1", "gateway.plant"])
async def test_an_ipv6_gateway_is_remembered_whatever_its_spelling(tmp_path: Path, known: KnownFile, name: str) -> None:
    shown = write_certificate(tmp_path, name)
    async with gateway_with(shown, host="::1") as gateway:
        await talk(gateway, known_gateways_file=known.path, trust_on_first_use=True)
        await talk(gateway, known_gateways_file=known.path, endpoint=f"[0:0:0:0:0:0:0:1]:{_port(gateway)}")

    assert f"\n[::1]:{_port(gateway)} {shown.fingerprint}" in known.read()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"gateway:5001\n", "has a line 1 that is not host:port and a SHA-256 fingerprint"),
        (b"# heading\ngateway:5001 abcdef\n", "has a line 2 that is not"),
        (f"gateway {OTHER}".encode(), "has a line 1 that is not"),
        (f"gateway:5001 {OTHER} {OTHER}".encode(), "has a line 1 that is not"),
        (b"\xff\xfe\x00", "is no text file"),
    ],
)
@pytest.mark.parametrize("first_use", [False, True])
async def test_a_file_that_can_not_be_understood_is_told_and_left_alone(
    gateway_: SimulatedGateway, known: KnownFile, content: bytes, words: str, first_use: bool
) -> None:
    known.write(content)

    error = await refusal(gateway_, known_gateways_file=known.path, trust_on_first_use=first_use)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error).startswith(f"known_gateways_file {known.path} {words}")
    assert known.path.read_bytes() == content


async def test_a_missing_file_is_told_unless_first_use_may_make_it(
    gateway_: SimulatedGateway, known: KnownFile
) -> None:
    error = await refusal(gateway_, known_gateways_file=known.path)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error) == f"known_gateways_file {known.path} doesn't exist"
    assert not known.exists


@pytest.mark.parametrize("first_use", [False, True])
async def test_a_directory_is_told(gateway_: SimulatedGateway, tmp_path: Path, first_use: bool) -> None:
    error = await refusal(gateway_, known_gateways_file=tmp_path, trust_on_first_use=first_use)

    assert str(error) == f"known_gateways_file {tmp_path} is a directory"


async def test_a_file_that_can_not_be_written_is_told_and_the_gateway_not_trusted(
    gateway_: SimulatedGateway, tmp_path: Path
) -> None:
    nowhere = tmp_path / "no such folder" / "known_gateways"

    error = await refusal(gateway_, known_gateways_file=nowhere, trust_on_first_use=True)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error).startswith(f"known_gateways_file {nowhere} can't be written")


@pytest.mark.skipif(sys.platform == "win32", reason="a file's mode means nothing on Windows")
async def test_the_file_is_its_owners_alone(gateway_: SimulatedGateway, known: KnownFile) -> None:
    await talk(gateway_, known_gateways_file=known.path, trust_on_first_use=True)

    assert known.mode == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few people make symbolic links")
async def test_a_symbolic_link_stays_one(gateway_: SimulatedGateway, known: KnownFile, tmp_path: Path) -> None:
    behind = KnownFile(tmp_path / "behind")
    behind.write("# mine, without a line's end")
    known.link_to(behind)

    await talk(gateway_, known_gateways_file=known.path, trust_on_first_use=True)

    assert known.is_link
    assert behind.read().startswith(f"# mine, without a line's end\n{gateway_.endpoint} ")


async def test_nothing_is_left_beside_the_file_but_its_lock(gateway_: SimulatedGateway, known: KnownFile) -> None:
    await talk(gateway_, known_gateways_file=known.path, trust_on_first_use=True)

    assert known.neighbours == ["known_gateways.lock"]


async def test_several_processes_may_meet_their_gateways_at_once(certificates: Certificates, known: KnownFile) -> None:
    async with (
        gateway_with(certificates.gateway) as one,
        gateway_with(certificates.named_otherwise) as another,
    ):
        gateways = [one, another] * 3
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                MEET,
                gateway.endpoint,
                gateway.api_key,
                known.path,
                stdout=asyncio.subprocess.PIPE,
            )
            for gateway in gateways
        ]
        said = [json.loads((await process.communicate())[0]) for process in processes]

    shown = {one.endpoint: certificates.gateway, another.endpoint: certificates.named_otherwise}
    assert said == [shown[gateway.endpoint].fingerprint for gateway in gateways]
    assert sorted(known.entries) == sorted([endpoint, pair.fingerprint] for endpoint, pair in shown.items())


@pytest.mark.skipif(sys.platform == "win32", reason="locks the file as other processes do, which fcntl is for")
async def test_who_comes_second_must_see_what_the_first_remembered(
    certificates: Certificates, known: KnownFile
) -> None:
    import fcntl  # noqa: PLC0415 - Windows has none

    async with gateway_with(certificates.gateway) as gateway, Switch(_port(gateway)) as switch:
        lock = os.open(f"{known.path}.lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            options: dict[str, Any] = {"known_gateways_file": known.path, "trust_on_first_use": True}
            second = asyncio.create_task(refusal(gateway, endpoint=switch.endpoint, **options))
            # It has looked twice, found no file before, and waits for the lock.
            await until(lambda: switch.made == 2)
            known.write(f"{switch.endpoint} {OTHER}\n")
        finally:
            os.close(lock)
        error = await second

        assert isinstance(error, MxGatewayCertificateError)
        assert (error.trusted_fingerprints, error.shown_fingerprint) == ((OTHER,), certificates.gateway.fingerprint)
        assert known.read() == f"{switch.endpoint} {OTHER}\n"


def _port(gateway: SimulatedGateway) -> int:
    return int(gateway.endpoint.rpartition(":")[2])


MEET = """
import asyncio, json, sys
from mxgateway import GatewayClient

async def main():
    endpoint, key, known = sys.argv[1:]
    connection = GatewayClient.connect(
        endpoint=endpoint, api_key=key, known_gateways_file=known, trust_on_first_use=True
    )
    async with connection as client:
        print(json.dumps(client.certificate_fingerprint))

asyncio.run(main())
"""
