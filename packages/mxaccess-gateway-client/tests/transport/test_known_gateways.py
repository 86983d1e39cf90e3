"""The file of known gateways: adding on first use, reading, and concurrent processes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from mxgateway import (
    MxGatewayCertificateError,
    MxGatewayConfigurationError,
    MxGatewayTimeoutError,
)
from mxgateway._transport.tls.known_gateways import KnownGateways
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates, write_certificate
from support.secure_gateways import KnownFile, Switch, gateway_with, port_of, refusal, talk
from support.waiting import until

OTHER = "ab" * 32


async def test_first_certificate_is_remembered_and_logged_once(
    foreign_gateway: SimulatedGateway, certificates: Certificates, known: KnownFile, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await talk(foreign_gateway, known_gateways_file=known.path, trust_on_first_use=True)

    (record,) = [record for record in caplog.records if record.name == "mxgateway.tls"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"{foreign_gateway.endpoint} is trusted on first use and remembered in {known.path}: "
        f"a certificate for 127.0.0.1, localhost with the SHA-256 "
        f"fingerprint {certificates.gateway.fingerprint}; compare it with the gateway's own certificate"
    )
    assert known.entries == [[foreign_gateway.endpoint, certificates.gateway.fingerprint]]


async def test_remembered_certificate_is_trusted_without_first_use(
    foreign_gateway: SimulatedGateway, known: KnownFile
) -> None:
    await talk(foreign_gateway, known_gateways_file=known.path, trust_on_first_use=True)
    await talk(foreign_gateway, known_gateways_file=known.path)


@pytest.mark.parametrize("first_use", [False, True])
async def test_changed_certificate_is_refused_and_file_left_unchanged(
    foreign_gateway: SimulatedGateway, certificates: Certificates, known: KnownFile, first_use: bool
) -> None:
    known.write(f"{foreign_gateway.endpoint} {OTHER}\n")

    error = await refusal(foreign_gateway, known_gateways_file=known.path, trust_on_first_use=first_use)

    assert isinstance(error, MxGatewayCertificateError)
    assert (error.trusted_fingerprints, error.shown_fingerprint) == ((OTHER,), certificates.gateway.fingerprint)
    assert certificates.gateway.fingerprint in str(error)
    assert f"but known_gateways_file {known.path} has {OTHER}" in str(error)
    assert "replace the trusted fingerprint only if the gateway has a new certificate" in str(error)
    assert known.read() == f"{foreign_gateway.endpoint} {OTHER}\n"


async def test_unknown_gateway_is_refused_without_first_use(
    foreign_gateway: SimulatedGateway, certificates: Certificates, known: KnownFile
) -> None:
    known.write(f"other.plant:5001 {OTHER}\n")

    error = await refusal(foreign_gateway, known_gateways_file=known.path)

    assert isinstance(error, MxGatewayCertificateError)
    assert (error.trusted_fingerprints, error.shown_fingerprint) == ((), certificates.gateway.fingerprint)
    assert f"the gateway is not in known_gateways_file {known.path}" in str(error)
    assert certificates.gateway.fingerprint in str(error)
    assert known.read() == f"other.plant:5001 {OTHER}\n"


async def test_gateway_may_have_two_trusted_certificates(certificates: Certificates, known: KnownFile) -> None:
    async with gateway_with(certificates.gateway) as gateway:
        new = certificates.named_otherwise.fingerprint
        known.write(f"{gateway.endpoint} {certificates.gateway.fingerprint}\n{gateway.endpoint} {new}\n")
        await talk(gateway, known_gateways_file=known.path)
    async with gateway_with(certificates.named_otherwise, port=port_of(gateway)) as gateway:
        await talk(gateway, known_gateways_file=known.path)


async def test_lines_may_have_any_spelling(
    foreign_gateway: SimulatedGateway, certificates: Certificates, known: KnownFile
) -> None:
    digits = certificates.gateway.fingerprint.upper()
    colons = ":".join(digits[index : index + 2] for index in range(0, 64, 2))
    known.write(f"\ufeff# gateways\n\n  LOCALHOST:{port_of(foreign_gateway)}\t{colons} # hall 7\r\n")

    await talk(foreign_gateway, endpoint=f"localhost:{port_of(foreign_gateway)}", known_gateways_file=known.path)


async def test_gateways_are_distinguished_by_host_and_port(certificates: Certificates, known: KnownFile) -> None:
    async with gateway_with(certificates.gateway) as one, gateway_with(certificates.named_otherwise) as another:
        for gateway in (one, another):
            await talk(gateway, known_gateways_file=known.path, trust_on_first_use=True)
        for gateway in (one, another):
            await talk(gateway, known_gateways_file=known.path)


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 on this machine")
@pytest.mark.parametrize("name", ["::1", "gateway.plant"])
async def test_ipv6_gateway_is_remembered_in_any_spelling(tmp_path: Path, known: KnownFile, name: str) -> None:
    shown = write_certificate(tmp_path, name)
    async with gateway_with(shown, host="::1") as gateway:
        await talk(gateway, known_gateways_file=known.path, trust_on_first_use=True)
        await talk(gateway, known_gateways_file=known.path, endpoint=f"[0:0:0:0:0:0:0:1]:{port_of(gateway)}")

    assert f"\n[::1]:{port_of(gateway)} {shown.fingerprint}" in known.read()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"gateway:5001\n", "has an invalid line 1: expected host:port and a SHA-256 fingerprint"),
        (b"# heading\ngateway:5001 abcdef\n", "has an invalid line 2"),
        (f"gateway {OTHER}".encode(), "has an invalid line 1"),
        (f"gateway:5001 {OTHER} {OTHER}".encode(), "has an invalid line 1"),
        (b"\xff\xfe\x00", "is not a text file"),
    ],
)
@pytest.mark.parametrize("first_use", [False, True])
async def test_invalid_file_is_refused_and_left_unchanged(
    foreign_gateway: SimulatedGateway, known: KnownFile, content: bytes, words: str, first_use: bool
) -> None:
    known.write(content)

    error = await refusal(foreign_gateway, known_gateways_file=known.path, trust_on_first_use=first_use)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error).startswith(f"known_gateways_file {known.path} {words}")
    assert known.path.read_bytes() == content


async def test_missing_file_is_refused_without_first_use(foreign_gateway: SimulatedGateway, known: KnownFile) -> None:
    error = await refusal(foreign_gateway, known_gateways_file=known.path)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error) == f"known_gateways_file {known.path} does not exist"
    assert not known.exists


@pytest.mark.parametrize("first_use", [False, True])
async def test_directory_is_refused(foreign_gateway: SimulatedGateway, tmp_path: Path, first_use: bool) -> None:
    error = await refusal(foreign_gateway, known_gateways_file=tmp_path, trust_on_first_use=first_use)

    assert str(error) == f"known_gateways_file {tmp_path} is a directory"


async def test_gateway_is_not_trusted_if_file_cannot_be_written(
    foreign_gateway: SimulatedGateway, tmp_path: Path
) -> None:
    nowhere = tmp_path / "no such folder" / "known_gateways"

    error = await refusal(foreign_gateway, known_gateways_file=nowhere, trust_on_first_use=True)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error).startswith(f"known_gateways_file {nowhere} cannot be written")


@pytest.mark.skipif(sys.platform == "win32", reason="file modes have no effect on Windows")
async def test_only_the_owner_may_read_the_file(foreign_gateway: SimulatedGateway, known: KnownFile) -> None:
    await talk(foreign_gateway, known_gateways_file=known.path, trust_on_first_use=True)

    assert known.mode == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege on Windows")
async def test_symbolic_link_is_kept(foreign_gateway: SimulatedGateway, known: KnownFile, tmp_path: Path) -> None:
    behind = KnownFile(tmp_path / "behind")
    behind.write("# mine, without a line's end")
    known.link_to(behind)

    await talk(foreign_gateway, known_gateways_file=known.path, trust_on_first_use=True)

    assert known.is_link
    assert behind.read().startswith(f"# mine, without a line's end\n{foreign_gateway.endpoint} ")


async def test_only_the_lock_is_left_beside_the_file(foreign_gateway: SimulatedGateway, known: KnownFile) -> None:
    await talk(foreign_gateway, known_gateways_file=known.path, trust_on_first_use=True)

    assert set(known.neighbours) <= {"known_gateways.lock"}


async def test_several_processes_add_gateways_at_once(certificates: Certificates, known: KnownFile) -> None:
    async with (
        gateway_with(certificates.gateway) as one,
        gateway_with(certificates.named_otherwise) as another,
    ):
        gateways = [one, another] * 2
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                ADD_GATEWAY,
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


@pytest.mark.skipif(sys.platform == "win32", reason="the test locks the file with fcntl")
async def test_second_process_uses_what_the_first_remembered(certificates: Certificates, known: KnownFile) -> None:
    import fcntl  # noqa: PLC0415 - Windows has none

    async with gateway_with(certificates.gateway) as gateway, Switch(port_of(gateway)) as switch:
        lock = os.open(f"{known.path}.lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            options: dict[str, Any] = {"known_gateways_file": known.path, "trust_on_first_use": True}
            second = asyncio.create_task(refusal(gateway, endpoint=switch.endpoint, **options))
            # It has fetched the certificate in two connections, has found no file, and waits for the lock.
            await until(lambda: switch.made == 2)
            known.write(f"{switch.endpoint} {OTHER}\n")
        finally:
            os.close(lock)
        error = await second

        assert isinstance(error, MxGatewayCertificateError)
        assert (error.trusted_fingerprints, error.shown_fingerprint) == ((OTHER,), certificates.gateway.fingerprint)
        assert known.read() == f"{switch.endpoint} {OTHER}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the test locks the file with fcntl")
async def test_locked_file_is_not_waited_for_beyond_connect_timeout(
    foreign_gateway: SimulatedGateway, known: KnownFile
) -> None:
    import fcntl  # noqa: PLC0415 - Windows has none

    lock = os.open(f"{known.path}.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with asyncio.timeout(5):
            error = await refusal(
                foreign_gateway, known_gateways_file=known.path, trust_on_first_use=True, connect_timeout=0.5
            )
    finally:
        os.close(lock)

    assert isinstance(error, MxGatewayTimeoutError)
    assert f"known_gateways_file {known.path} is locked by another process" in str(error)
    assert f"find the process that holds {known.path}.lock" in str(error)
    assert not known.exists


async def test_lock_is_tried_once_even_if_no_time_is_left(known: KnownFile) -> None:
    assert await KnownGateways(known.path).remember("gateway:5001", OTHER, seconds=-1.0) == (OTHER,)


@pytest.mark.skipif(sys.platform == "win32", reason="the test locks the file with fcntl")
async def test_lock_of_another_process_is_waited_for(known: KnownFile) -> None:
    import fcntl  # noqa: PLC0415 - Windows has none

    lock = os.open(f"{known.path}.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remembering = asyncio.create_task(KnownGateways(known.path).remember("gateway:5001", OTHER, seconds=10))
        # In its first turn the task tries the lock.
        await asyncio.sleep(0)
        assert not known.exists
    finally:
        os.close(lock)

    assert await remembering == (OTHER,)


ADD_GATEWAY = """
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
