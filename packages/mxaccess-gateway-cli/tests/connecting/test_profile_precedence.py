"""An option goes before the environment, and the environment before the profile; `doctor` says which one it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from cli_support.command_line import mxgw_py, succeed
from cli_support.gateways import API_KEY
from cli_support.schemas import validate
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

TAG = "TestChildObject.TestInt"
Save: TypeAlias = Callable[[str], None]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Save the only profile, which is the default one."""

    def save_profile(lines: str) -> None:
        (tmp_path / "mxgw-py").mkdir(exist_ok=True)
        text = f"default = 'plant'\n[profiles.plant]\n{lines}\n"
        (tmp_path / "mxgw-py" / "profiles.toml").write_text(text, encoding="utf-8")

    return save_profile


async def _settings(*arguments: object) -> dict[str, tuple[str, str]]:
    """Return the settings that `doctor` prints: value and origin by name."""
    record = (await mxgw_py("doctor", "--json", *arguments)).records[0]
    validate(record, "check")
    assert record["check"] == "settings"
    return {setting["name"]: (setting["value"], setting["origin"]) for setting in record["settings"]}


async def test_doctor_says_where_each_setting_is_from(
    gateway: SimulatedGateway, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MXGATEWAY_API_KEY")
    monkeypatch.setenv("PLANT_7_KEY", API_KEY)
    monkeypatch.setenv("MXGATEWAY_CLOSE_TIMEOUT", "3")
    save("endpoint = 'nowhere:1'\ntimeout = 7\nclose_timeout = 4\nkeepalive_time = 400\napi_key_env = 'PLANT_7_KEY'")

    assert await _settings("--endpoint", gateway.endpoint) == {
        "endpoint": (gateway.endpoint, "--endpoint"),
        "api_key": ("in the environment variable PLANT_7_KEY", "profile plant"),
        "plaintext": ("yes", "MXGATEWAY_PLAINTEXT"),
        "timeout": ("7", "profile plant"),
        "connect_timeout": ("7", "profile plant"),
        "close_timeout": ("3", "MXGATEWAY_CLOSE_TIMEOUT"),
        "keepalive_time": ("400", "profile plant"),
    }
    assert (await _settings())["endpoint"] == (gateway.endpoint, "MXGATEWAY_ENDPOINT")
    assert (await _settings("--timeout", "9s"))["timeout"] == ("9", "--timeout")
    line = (await succeed("doctor")).stdout.splitlines()[0]
    assert line.startswith("ok      settings")
    assert f"endpoint = {gateway.endpoint} (MXGATEWAY_ENDPOINT)" in line


async def test_debug_says_where_each_setting_is_from(gateway: SimulatedGateway, save: Save) -> None:
    save(f"endpoint = '{gateway.endpoint}'\ntimeout = 7")

    result = await mxgw_py("read", TAG, "--debug")

    assert result.status == ExitStatus.GOOD
    assert f"setting: endpoint = {gateway.endpoint} (MXGATEWAY_ENDPOINT)\n" in result.stderr
    assert "setting: timeout = 7 (profile plant)\n" in result.stderr
    assert "setting: api_key = in the environment variable MXGATEWAY_API_KEY (MXGATEWAY_API_KEY)\n" in result.stderr
    assert API_KEY not in result.stderr


async def test_key_of_environment_goes_before_that_of_the_profile(save: Save, gateway: SimulatedGateway) -> None:
    save("endpoint = 'nowhere:1'\napi_key_file = 'missing'")

    assert (await succeed("read", TAG)).stdout
    assert gateway.calls


async def test_environment_that_overrides_a_profile_named_by_the_user_is_reported(
    gateway: SimulatedGateway, save: Save
) -> None:
    save("endpoint = 'nowhere:1'\napi_key_file = 'missing'")

    result = await mxgw_py("read", TAG, "--profile", "plant")

    assert result.status == ExitStatus.GOOD
    assert gateway.calls
    assert result.error == (
        "mxgw-py: warning: MXGATEWAY_ENDPOINT and MXGATEWAY_API_KEY in the environment override the profile plant"
    )


async def test_missing_key_of_the_profile_is_an_error_that_names_it(
    gateway: SimulatedGateway, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MXGATEWAY_API_KEY")
    save("endpoint = 'nowhere:1'\napi_key_env = 'PLANT_7_KEY'")

    result = await mxgw_py("read", TAG)

    assert result.status == ExitStatus.USAGE
    assert "profile 'plant' in " in result.error
    assert "the environment variable PLANT_7_KEY is not set" in result.error
    assert not gateway.calls


async def test_plaintext_of_environment_drops_the_certificates_of_the_profile(
    gateway: SimulatedGateway, save: Save
) -> None:
    save("endpoints = ['a:1', { endpoint = 'b:1', ca_file = 'missing.pem' }]\nca_file = 'missing.pem'")

    assert (await succeed("read", TAG, "--endpoint", gateway.endpoint)).stdout
    assert (await _settings())["plaintext"] == ("yes", "MXGATEWAY_PLAINTEXT")


async def test_option_for_tls_contradicts_plaintext_of_the_profile_unless_tls_is_given(
    save: Save, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.gateway.server(), ramp_interval=None) as gateway:
        save(f"endpoint = '{gateway.endpoint}'\nplaintext = true")

        refused = await mxgw_py("read", TAG, "--ca-file", certificates.ca)
        assert refused.status == ExitStatus.USAGE
        assert "--ca-file needs TLS, but the profile plant has plaintext = true: give --tls too" in refused.error
        assert not gateway.calls
        await succeed("read", TAG, "--ca-file", certificates.ca, "--tls")


async def test_way_to_trust_replaces_that_of_the_profile(
    save: Save, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.gateway.server(), ramp_interval=None) as gateway:
        save(f"endpoint = '{gateway.endpoint}'\ncertificate_fingerprint = '{'ab' * 32}'")

        assert (await mxgw_py("read", TAG)).status == ExitStatus.TRANSPORT
        await succeed("read", TAG, "--ca-file", certificates.ca)
        save(
            f"endpoints = ['{gateway.endpoint}', {{ endpoint = 'b:1', ca_file = 'b.pem' }}]\n"
            f"certificate_fingerprint = '{certificates.gateway.fingerprint}'"
        )
        await succeed("read", TAG)


async def test_gateway_of_a_profile_is_trusted_on_first_use(
    save: Save, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    async with SimulatedGateway(api_key=API_KEY, tls=certificates.gateway.server(), ramp_interval=None) as gateway:
        save(f"endpoint = '{gateway.endpoint}'\ntrust_on_first_use = true")

        first, second = [await mxgw_py("read", TAG) for _ in range(2)]

    assert "is trusted on first use" in first.error
    assert (second.status, second.stderr) == (ExitStatus.GOOD, "")


async def test_options_of_a_batch_apply_to_its_lines_with_the_profile(
    gateway: SimulatedGateway, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io  # noqa: PLC0415
    import sys  # noqa: PLC0415

    for name in ("MXGATEWAY_ENDPOINT", "MXGATEWAY_PLAINTEXT"):
        monkeypatch.delenv(name)
    save(f"endpoint = '{gateway.endpoint}'\nplaintext = true")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"read {TAG} -o value\nprofile list -o value\n"))

    result = await mxgw_py("batch", "--profile", "plant")

    assert [line for line in result.stdout.splitlines() if "EOR" not in line] == ["42", "plant"]
