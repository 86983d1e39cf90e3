"""ClientOptions from a profile: which one, what it sets, and where its key is."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import platformdirs
import pytest

from mxgateway import ClientOptions, GatewayClient, GatewayEndpoint, MxGatewayConfigurationError
from mxgateway.profiles import configuration_folder
from mxgateway.profiles.profile import ENDPOINT_SETTINGS, SETTINGS
from mxgateway.testing import SimulatedGateway
from support.keyrings import MemoryKeyring
from support.secret_search import SecretSearch
from support.secret_spellings import API_KEY, SECRET

Save: TypeAlias = Callable[[str | bytes], Path]

TWO = """
default = "first"

[profiles.first]
endpoint = "first:5001"
timeout = 5
ca_file = "certificates/ca.pem"

[profiles.second]
endpoint = "second:5000"
plaintext = true
"""


def test_default_profile_sets_fields_of_the_options(save: Save) -> None:
    folder = save(TWO).parent

    assert ClientOptions.from_profile() == ClientOptions(
        endpoint="first:5001", timeout=5.0, ca_file=str(folder / "certificates" / "ca.pem")
    )


def test_name_goes_before_variable_and_variable_before_default(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    save(TWO)
    monkeypatch.setenv("MXGATEWAY_PROFILE", "second")

    assert ClientOptions.from_profile().endpoint == "second:5000"
    assert ClientOptions.from_profile("first").endpoint == "first:5001"


def test_keywords_override_the_profile_and_other_variables_do_not(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    save(TWO)
    monkeypatch.setenv("MXGATEWAY_ENDPOINT", "other:5000")
    monkeypatch.setenv("MXGATEWAY_TIMEOUT", "9")

    assert ClientOptions.from_profile("first", timeout=7.0) == dataclasses.replace(
        ClientOptions.from_profile("first"), timeout=7.0
    )
    assert ClientOptions.from_profile("first", endpoints=["a:1", "b:1"]).endpoints == ("a:1", "b:1")
    assert ClientOptions.from_profile("first").endpoint == "first:5001"


def test_every_field_except_for_the_key_can_be_in_a_profile() -> None:
    assert SETTINGS.keys() == {field.name for field in dataclasses.fields(ClientOptions)} - {"api_key"}
    assert set(ENDPOINT_SETTINGS) == {field.name for field in dataclasses.fields(GatewayEndpoint)} - {"api_key"}


def test_profile_may_have_several_endpoints_with_certificates_of_their_own(save: Save) -> None:
    folder = save('[profiles.pair]\nendpoints = ["a:5001", { endpoint = "b:5001", ca_file = "b.pem" }]\n').parent

    assert ClientOptions.from_profile("pair") == ClientOptions(
        endpoints=["a:5001", GatewayEndpoint(endpoint="b:5001", ca_file=str(folder / "b.pem"))]
    )


def test_trust_on_first_use_remembers_gateways_beside_the_profiles(save: Save) -> None:
    folder = save('[profiles.new]\nendpoint = "g:5001"\ntrust_on_first_use = true\n').parent

    assert ClientOptions.from_profile("new").known_gateways_file == str(folder / "known_gateways")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_file_may_be_saved_by_notepad_and_powershell(save: Save, encoding: str) -> None:
    save("[profiles.'Müller']\r\nendpoint = 'müller:5001'\r\nca_file = 'C:\\certs\\ca.pem'\r\n".encode(encoding))

    options = ClientOptions.from_profile("Müller")

    assert options.endpoint == "müller:5001"
    assert str(options.ca_file).endswith(r"C:\certs\ca.pem")


@pytest.mark.usefixtures("system_keyring")
def test_without_a_profile_the_error_says_how_to_choose_one(save: Save) -> None:
    advice = r"no profile is chosen .*MXGATEWAY_PROFILE.*profile use NAME"
    with pytest.raises(MxGatewayConfigurationError, match=advice):
        ClientOptions.from_profile()
    with pytest.raises(MxGatewayConfigurationError, match=r"no profile 'plant' in .*profiles.toml: it has none"):
        ClientOptions.from_profile("plant")
    save(TWO)
    with pytest.raises(MxGatewayConfigurationError, match=r"no profile 'plant' in .*: it has first, second"):
        ClientOptions.from_profile("plant")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[profiles.p]\nendpoint = [\n", r"cannot read the profiles in .*profiles.toml: Invalid value"),
        ("[profiles.p]\nendpoint = 'g:1'\nca_file = \"C:\\certs\"\n", "write a Windows path in single quotes"),
        (b"\xff\xfe\x00", "cannot read the profiles"),
        (b"[profiles.p]\nendpoint = 'm\xfcller:1'\n", "line 2 is not valid UTF-8"),
        pytest.param(f"x = {'[' * 9999}", "it is nested too deeply", id="deep"),
        pytest.param(f"x = {'9' * 9999}", "cannot read the profiles", id="long number"),
        ("[project]\nname = 'p'\n", "is not a file of profiles: unknown key 'project'"),
        ("default = 1\n", "default must be the name of a profile"),
        ("profiles = 'p'\n", "profiles must be a table"),
        ("default = 'q'\n[profiles.p]\nendpoint = 'g:1'\n", "default names the profile 'q', but it has p"),
    ],
)
def test_broken_or_foreign_file_is_named_in_one_line(save: Save, content: str | bytes, words: str) -> None:
    path = save(content)

    with pytest.raises(MxGatewayConfigurationError, match=words) as caught:
        ClientOptions.from_profile()

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("timeout = 5", "endpoint is missing"),
        ("endpoint = 5001", "endpoint must be a text in quotes"),
        ("endpoint = ''", "endpoint must be a text in quotes"),
        ("endpoint = 'g:1'\nplaintext = 'yes'", "plaintext must be true or false"),
        ("endpoint = 'g:1'\ntimeout = true", "timeout must be a number of seconds"),
        pytest.param(f"endpoint = 'g:1'\ntimeout = {'9' * 999}", "timeout must be a number", id="large number"),
        ("endpoint = 'g:1'\ntimeout = nan", "timeout must be a number of seconds"),
        pytest.param(f"endpoint = 'g:1'\n{'k' * 99999} = 1", "unknown key 'kkk", id="long key"),
        ("endpoint = 'g:1'\nmax_message_bytes = 1.5", "max_message_bytes must be a whole number"),
        ("endpoints = 'g:1'", "endpoints must be an array of endpoints"),
        ("endpoints = [{ timeout = 1 }]", "unknown key 'timeout'"),
        ("endpoints = [{ plaintext = true }]", "endpoints has a table without endpoint"),
        ("endpoint = 'g:1'\ntimeuot = 5", "unknown key 'timeuot', did you mean timeout?"),
        ("endpoint = 'g:1'\ntimeout = -5", "timeout -5.0 is not a positive number"),
        ("endpoint = 'gateway'", "endpoint 'gateway' is not host:port"),
        ("endpoint = 'g:1'\nplaintext = true\nca_file = 'ca.pem'", "plaintext=True cannot be combined with ca_file"),
        ("endpoint = 'g:1'\napi_key_env = 'A'\napi_key_keyring = true", "both name an API key"),
        (f"endpoint = 'g:1'\napi_key = '{API_KEY}'", "api_key must not be in this file"),
        (f"endpoints = [{{ endpoint = 'g:1', api_key = '{API_KEY}' }}]", "api_key must not be in this file"),
    ],
)
def test_mistake_in_a_profile_names_file_profile_and_key(save: Save, lines: str, words: str) -> None:
    path = save(f"[profiles.plant]\n{lines}\n[profiles.other]\nendpoint = 'other:1'\n")

    with pytest.raises(MxGatewayConfigurationError) as caught:
        ClientOptions.from_profile("plant")

    assert words in str(caught.value)
    assert str(caught.value).startswith(f"profile 'plant' in {path}: ")
    assert not SecretSearch(SECRET).in_errors(caught.value)
    assert ClientOptions.from_profile("other").endpoint == "other:1"


def test_key_is_in_a_variable_a_file_or_the_keyring(
    save: Save, system_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    save(
        "[profiles.variable]\nendpoint = 'g:1'\napi_key_env = 'PLANT_7_KEY'\n"
        "[profiles.file]\nendpoint = 'g:1'\napi_key_file = 'key'\n"
        "[profiles.keyring]\nendpoint = 'g:1'\napi_key_keyring = true\n"
        "[profiles.usual]\nendpoint = 'g:1'\n"
    )
    monkeypatch.setenv("PLANT_7_KEY", API_KEY)
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    (tmp_path / "mxgw-py" / "key").write_text(f"{API_KEY}\n", encoding="utf-16")
    system_keyring.passwords["mxaccess-gateway", "keyring"] = API_KEY
    expected = ClientOptions(endpoint="g:1", api_key=API_KEY)

    for name in ("variable", "file", "keyring", "usual"):
        assert ClientOptions.from_profile(name) == expected, name
    assert ClientOptions.from_profile("variable", api_key=None).api_key is None


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("api_key_env = 'PLANT_7_KEY'", "the environment variable PLANT_7_KEY is not set"),
        ("api_key_env = 'QUOTED'", "QUOTED has no valid key: the API key is in quotes"),
        ("api_key_file = 'missing'", "missing cannot be read: no such file"),
        ("api_key_file = 'profiles.toml'", "profiles.toml has no valid key"),
        ("api_key_keyring = true", "the system's keyring has no key for the profile 'plant'"),
    ],
)
def test_missing_key_is_an_error_that_says_where_it_should_be(
    save: Save, system_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, setting: str, words: str
) -> None:
    save(f"[profiles.plant]\nendpoint = 'g:1'\n{setting}\n")
    monkeypatch.setenv("QUOTED", f"'{API_KEY}'")
    assert not system_keyring.passwords

    with pytest.raises(MxGatewayConfigurationError, match=words) as caught:
        ClientOptions.from_profile("plant")

    assert not SecretSearch(SECRET).in_errors(caught.value)


def test_keyring_that_fails_and_invalid_key_in_it_show_no_key(save: Save, system_keyring: MemoryKeyring) -> None:
    save("[profiles.plant]\nendpoint = 'g:1'\napi_key_keyring = true\n")
    system_keyring.passwords["mxaccess-gateway", "plant"] = f"'{API_KEY}'"
    with pytest.raises(MxGatewayConfigurationError, match=r"has no valid key .* in quotes") as caught:
        ClientOptions.from_profile("plant")
    assert not SecretSearch(SECRET).in_errors(caught.value)

    system_keyring.problem = "it is\nlocked"
    with pytest.raises(MxGatewayConfigurationError, match="keyring cannot be used: it is locked"):
        ClientOptions.from_profile("plant")


def test_missing_library_names_the_extra(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    save("[profiles.plant]\nendpoint = 'g:1'\napi_key_keyring = true\n")
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(MxGatewayConfigurationError, match=r"pip install 'mxaccess-gateway-client\[keyring\]'"):
        ClientOptions.from_profile("plant")


async def test_program_connects_with_a_profile(gateway: SimulatedGateway, save: Save) -> None:
    path = save(f"[profiles.plant]\nendpoint = '{gateway.endpoint}'\nplaintext = true\napi_key_file = 'key'\n")
    (path.parent / "key").write_text(gateway.api_key)

    async with GatewayClient.connect(ClientOptions.from_profile("plant")) as client:
        assert (await client.galaxy.test_connection()) is not None


def test_folder_is_that_of_the_platform_unless_a_variable_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MXGATEWAY_CONFIG_DIR")

    assert configuration_folder() == platformdirs.user_config_path("mxgw-py", appauthor=False, roaming=True)
    monkeypatch.setenv("MXGATEWAY_CONFIG_DIR", "here")
    assert configuration_folder() == Path("here")


def test_names_of_profiles_are_read_without_grpc(save: Save) -> None:
    save(TWO)
    program = (
        "import sys; from mxgateway.profiles import ProfileFile; names = ProfileFile.read().names; "
        "print(names, {'grpc', 'asyncio', 'keyring'} & set(sys.modules))"
    )

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert printed == "('first', 'second') set()\n"
