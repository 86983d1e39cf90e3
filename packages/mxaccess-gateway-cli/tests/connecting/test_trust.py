"""Trust on first use: only on request, with the fingerprint on stderr, and never for a changed certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli_support.command_line import Result, mxgw_py, succeed
from cli_support.gateways import API_KEY
from cli_support.schemas import validate
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

OTHER = "ab" * 32
FIRST_USE = "--trust-on-first-use"


class Home:
    """The home folder of a user, with the configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def known(self) -> str | None:
        """The content of the default known_gateways file, or None if there is no file."""
        files = self._files()
        return files[0].read_text(encoding="utf-8") if files else None

    @property
    def known_file(self) -> Path:
        """The default known_gateways file."""
        return self._files()[0]

    def _files(self) -> list[Path]:
        return [path for path in self.folder.rglob("known_gateways") if path.parent.name == "mxgw-py"]

    def remember(self, endpoint: str, fingerprint: str) -> str:
        """Write a known gateways file with one gateway and return its path."""
        path = self.folder / "known"
        path.write_text(f"{endpoint} {fingerprint}\n", encoding="utf-8")
        return str(path)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home folder for this test only."""
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return Home(tmp_path)


@pytest.fixture
async def gateway(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedGateway]:
    """A gateway with an untrusted certificate; the environment points at it."""
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.gateway.server(), ramp_interval=None) as gateway:
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", gateway.endpoint)
        monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.api_key)
        yield gateway
        assert not gateway.sessions


async def _read(*arguments: object) -> Result:
    return await mxgw_py("read", "TestChildObject.TestInt", *arguments)


async def test_only_first_use_shows_fingerprint(
    gateway: SimulatedGateway, certificates: Certificates, home: Home
) -> None:
    first = await _read(FIRST_USE)
    second = await _read(FIRST_USE)

    assert first.status == second.status == ExitStatus.GOOD
    assert first.error.startswith(f"mxgw-py: warning: {gateway.endpoint} is trusted on first use and remembered in ")
    assert certificates.gateway.fingerprint in first.error
    assert second.stderr == ""
    assert f"{gateway.endpoint} {certificates.gateway.fingerprint}" in (home.known or "")


@pytest.mark.usefixtures("gateway")
async def test_first_use_warning_matches_schema(certificates: Certificates) -> None:
    result = await _read(FIRST_USE, "--json")

    validate(result.error_record, "warning")
    assert certificates.gateway.fingerprint in result.error_record["warning"]


async def test_gateway_is_trusted_only_on_request(gateway: SimulatedGateway, home: Home) -> None:
    refused = await _read()

    assert refused.status == ExitStatus.TRANSPORT
    assert "set --ca-file to its CA" in refused.error
    assert not gateway.calls
    assert home.known is None


async def test_remembered_gateway_is_trusted_without_options(gateway: SimulatedGateway, home: Home) -> None:
    await _read(FIRST_USE)

    assert (await succeed("read", "TestChildObject.TestInt")).stdout
    # Only this gateway, and only with the remembered certificate.
    for known, problem in (
        (f"{gateway.endpoint} {OTHER}\n", "this may be an attack"),
        (f"other.plant:5001 {OTHER}\n", "set --ca-file to its CA"),
        (f"{gateway.endpoint} shortened\n", "has an invalid line 1"),
    ):
        home.known_file.write_text(known, encoding="utf-8")
        seen = len(gateway.calls)
        refused = await _read()
        assert problem in refused.error
        assert refused.status != ExitStatus.GOOD
        assert len(gateway.calls) == seen


async def test_other_way_to_trust_replaces_remembered_certificate(
    gateway: SimulatedGateway, certificates: Certificates, home: Home
) -> None:
    await _read(FIRST_USE)
    home.known_file.write_text(f"{gateway.endpoint} {OTHER}\n", encoding="utf-8")

    await succeed("read", "TestChildObject.TestInt", "--ca-file", certificates.ca)


async def test_changed_certificate_is_refused_with_both_fingerprints(
    gateway: SimulatedGateway, certificates: Certificates, home: Home
) -> None:
    known = home.remember(gateway.endpoint, OTHER)

    plain = await _read(FIRST_USE, "--known-gateways-file", known)
    record = (await _read(FIRST_USE, "--known-gateways-file", known, "--json")).error_record

    assert plain.status == ExitStatus.TRANSPORT
    assert f"--known-gateways-file {known} has {OTHER}" in plain.error
    assert "this may be an attack" in plain.error
    validate(record, "error")
    assert record["type"] == "MxGatewayCertificateError"
    assert record["trustedFingerprints"] == [OTHER]
    assert record["shownFingerprint"] == certificates.gateway.fingerprint
    assert not gateway.calls


async def test_gateway_in_known_gateways_file_is_trusted(
    gateway: SimulatedGateway, certificates: Certificates, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = home.remember(gateway.endpoint, certificates.gateway.fingerprint)
    monkeypatch.setenv("MXGATEWAY_KNOWN_GATEWAYS_FILE", known)

    await succeed("read", "TestChildObject.TestInt")


async def test_gateway_missing_in_known_gateways_file_is_refused(gateway: SimulatedGateway, home: Home) -> None:
    result = await _read("--known-gateways-file", home.remember("other.plant:5001", OTHER))

    assert result.status == ExitStatus.TRANSPORT
    assert "or set --trust-on-first-use" in result.error
    assert not gateway.calls


@pytest.mark.parametrize(
    "other", [["--ca-file", "ca.crt"], ["--certificate-fingerprint", OTHER]], ids=lambda other: other[0]
)
async def test_two_ways_to_trust_contradict_each_other(gateway: SimulatedGateway, home: Home, other: list[str]) -> None:
    result = await _read(FIRST_USE, *other)

    assert result.status == ExitStatus.USAGE
    assert (
        f"{other[0]} and --trust-on-first-use are different ways to trust a gateway: give only one of them"
        in result.error
    )
    assert not gateway.calls
    assert home.known is None


@pytest.mark.usefixtures("gateway")
async def test_trust_on_first_use_contradicts_plaintext() -> None:
    result = await _read(FIRST_USE, "--plaintext")

    assert result.status == ExitStatus.USAGE
    assert "--plaintext and --trust-on-first-use contradict each other" in result.error


@pytest.mark.usefixtures("gateway")
async def test_trust_option_on_command_line_overrides_environment(
    certificates: Certificates, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXGATEWAY_TRUST_ON_FIRST_USE", "1")

    await succeed("read", "TestChildObject.TestInt", "--ca-file", certificates.ca)

    assert home.known is None


@pytest.mark.usefixtures("gateway")
async def test_environment_can_request_trust_on_first_use(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_TRUST_ON_FIRST_USE", "1")

    assert (await _read()).status == ExitStatus.GOOD
    assert home.known is not None


@pytest.mark.usefixtures("gateway")
async def test_unwritable_configuration_folder_is_usage_error(home: Home) -> None:
    (home.folder / ".config").write_text("in the way")
    (home.folder / "mxgw-py").write_text("in the way")
    (home.folder / "Library").write_text("in the way")

    result = await _read(FIRST_USE)

    assert result.status == ExitStatus.USAGE
    assert "cannot create the folder" in result.error
    assert "give --known-gateways-file FILE" in result.error


@pytest.mark.usefixtures("gateway")
async def test_doctor_warns_about_first_use() -> None:
    first, second = [await mxgw_py("doctor", FIRST_USE, "--json") for _ in range(2)]

    verdicts = [{record["check"]: record for record in result.records}["tls"] for result in (first, second)]
    assert [tls["verdict"] for tls in verdicts] == ["warning", "ok"]
    assert verdicts[0]["advice"].startswith("the gateway is not known yet: compare the fingerprint")
    assert second.stderr == ""


async def test_doctor_refuses_changed_certificate(
    gateway: SimulatedGateway, certificates: Certificates, home: Home
) -> None:
    known = home.remember(gateway.endpoint, OTHER)

    result = await mxgw_py("doctor", "--known-gateways-file", known, "--json")

    tls = {record["check"]: record for record in result.records}["tls"]
    assert (result.status, tls["verdict"]) == (ExitStatus.TRANSPORT, "failed")
    assert certificates.gateway.fingerprint in tls["advice"]
    assert OTHER in tls["advice"]
    assert not gateway.calls
