"""`profile` saves gateways under names, never with their keys, and says whether the keys can be found."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_support.command_line import PROGRAM, Result, mxgw_py, succeed
from cli_support.gateways import API_KEY
from cli_support.schemas import validate
from cli_support.terminal import PseudoTerminal, Streams, run_with_streams
from mxgateway import ClientOptions
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.keyrings import MemoryKeyring, memory_keyring
from support.secret_search import SecretSearch

TAG = "TestChildObject.TestInt"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of profiles, which is not there yet."""
    return tmp_path / "mxgw-py" / "profiles.toml"


@pytest.fixture
def system_keyring() -> Iterator[MemoryKeyring]:
    """A keyring in memory."""
    with memory_keyring() as replacement:
        yield replacement


class Stdin(io.TextIOWrapper):
    """A stdin with a text."""

    def __init__(self, text: str) -> None:
        super().__init__(io.BytesIO(text.encode()))


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _save(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _is_missing(file: Path) -> bool:
    return not file.exists()


def _forget(*_: object) -> None:
    """Store nothing."""


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def _add(*arguments: object) -> Result:
    return await mxgw_py("profile", "add", *arguments)


async def test_saved_profile_is_used_by_commands_and_programs(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    for name in ("MXGATEWAY_ENDPOINT", "MXGATEWAY_API_KEY", "MXGATEWAY_PLAINTEXT"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLANT_7_KEY", gateway.api_key)

    added = await succeed(
        *("profile", "add", "plant-7", "--endpoint", gateway.endpoint, "--plaintext", "--api-key-env", "PLANT_7_KEY")
    )
    by_name = await succeed("read", TAG, "--profile", "plant-7", "-o", "value")
    without = await mxgw_py("read", TAG)
    await succeed("profile", "use", "plant-7")
    by_default = await succeed("read", TAG, "-o", "value")
    monkeypatch.setenv("MXGATEWAY_PROFILE", "other")
    by_variable = await mxgw_py("read", TAG)

    assert added.stdout == (f"plant-7 {gateway.endpoint} plaintext, key in the environment variable PLANT_7_KEY\n")
    assert by_name.stdout == by_default.stdout == "42\n"
    assert (without.status, by_variable.status) == (ExitStatus.USAGE, ExitStatus.USAGE)
    assert "name a profile with --profile" in without.error
    assert f"no profile 'other' in {file}: it has plant-7" in by_variable.error
    assert ClientOptions.from_profile("plant-7").api_key == ClientOptions(endpoint="g:1", api_key=API_KEY).api_key


async def test_profile_holds_the_options_with_absolute_paths(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _save(tmp_path / "key", API_KEY)
    monkeypatch.setenv("MXGATEWAY_TIMEOUT", "500ms")

    result = await _add("pair", "--endpoint", "a:5001,b:5001", "--ca-file", "ca.pem", "--api-key-file", "key", "--json")

    validate(result.record, "profile")
    assert result.record == {
        "name": "pair",
        "default": False,
        "endpoints": ["a:5001", "b:5001"],
        "plaintext": False,
        "caFile": str(tmp_path / "ca.pem"),
        "timeout": 0.5,
        "apiKeySource": "file",
        "apiKeyName": str(tmp_path / "key"),
        "file": str(file),
    }
    assert API_KEY not in _text(file)
    options = ClientOptions.from_profile("pair")
    assert (options.endpoints, options.timeout) == (("a:5001", "b:5001"), 0.5)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
async def test_file_is_readable_by_its_owner_only(file: Path) -> None:
    await succeed("profile", "add", "plant", "--endpoint", "g:5001")

    assert _mode(file) == 0o600
    assert _mode(file.parent) == 0o700


async def test_windows_path_is_readable_in_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.abspath", str)

    await succeed("profile", "add", "plant", "--endpoint", "g:5001", "--ca-file", r"C:\certs\new.pem")

    assert r"ca_file = 'C:\certs\new.pem'" in _text(file)
    assert str(ClientOptions.from_profile("plant").ca_file).endswith(r"C:\certs\new.pem")


async def test_key_from_stdin_is_stored_in_the_keyring_only(
    gateway: SimulatedGateway, system_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.delenv("MXGATEWAY_API_KEY")
    monkeypatch.setattr(sys, "stdin", Stdin(f"{gateway.api_key}\r\n"))

    added = await succeed("profile", "add", "plant", "--api-key-keyring", "--debug")
    shown = await succeed("profile", "show", "plant", "--json")
    monkeypatch.delenv("MXGATEWAY_ENDPOINT")
    monkeypatch.delenv("MXGATEWAY_PLAINTEXT")
    await succeed("read", TAG, "--profile", "plant")

    assert system_keyring.passwords == {("mxaccess-gateway", "plant"): gateway.api_key}
    assert (shown.record["apiKeySource"], shown.record["apiKeyFound"]) == ("keyring", True)
    search = SecretSearch(API_KEY.rpartition("_marker_")[2])
    assert not search.find([added.stdout, added.stderr, shown.stdout, _text(file)])
    # Without an input, the stored key stays.
    monkeypatch.setattr(sys, "stdin", Stdin(""))
    await succeed("profile", "add", "plant", "--endpoint", gateway.endpoint, "--api-key-keyring", "--replace")
    assert system_keyring.passwords


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
async def test_terminal_asks_for_the_key_without_showing_it() -> None:
    terminal, other_end = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *("profile", "add", "plant", "--endpoint", "g:5001", "--api-key-keyring"),
        stdin=other_end,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=other_end,
        # Otherwise the question would go to the terminal of the tests.
        start_new_session=True,
    )
    os.close(other_end)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a pseudo-terminal
        while chunk := await asyncio.to_thread(os.read, terminal, 4096):
            shown += chunk
            if shown == b"API key (hidden): ":
                os.write(terminal, f"{API_KEY}\n".encode())
    os.close(terminal)

    assert await process.wait() == ExitStatus.USAGE
    # The keyring of the tests keeps nothing: the key has arrived there.
    assert b"did not keep the key" in shown
    assert not SecretSearch(API_KEY).find([shown.decode()])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no API key was given, and the system's keyring has no key for the profile 'plant'"),
        (f"'{API_KEY}'", "invalid API key: the API key is in quotes"),
    ],
)
async def test_missing_or_invalid_key_saves_nothing(
    system_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, file: Path, text: str, words: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(text))

    result = await _add("plant", "--endpoint", "g:5001", "--api-key-keyring")

    assert result.status == ExitStatus.USAGE
    assert words in result.error
    assert API_KEY not in result.stderr
    assert _is_missing(file)
    assert not system_keyring.passwords


async def test_keyring_that_keeps_nothing_is_noticed(
    system_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setattr(system_keyring, "set_password", _forget)
    monkeypatch.setattr(sys, "stdin", Stdin(API_KEY))

    result = await _add("plant", "--endpoint", "g:5001", "--api-key-keyring")

    assert "the system's keyring (support.keyrings) did not keep the key" in result.error
    assert _is_missing(file)


async def test_show_says_why_the_key_cannot_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    await succeed("profile", "add", "plant", "--endpoint", "g:5001", "--api-key-env", "PLANT_7_KEY", "--use")

    missing = await succeed("profile", "show", "--json")
    monkeypatch.setenv("PLANT_7_KEY", API_KEY)
    found = await succeed("profile", "show")

    validate(missing.record, "profile")
    assert missing.record["apiKeyFound"] is False
    assert missing.record["apiKeyProblem"] == "the environment variable PLANT_7_KEY is not set"
    assert found.stdout == "plant g:5001 TLS, key in the environment variable PLANT_7_KEY, default (found)\n"
    assert API_KEY not in found.stdout


async def test_list_has_a_row_per_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    await succeed("profile", "add", "a", "--endpoint", "a:5001")
    await succeed("profile", "add", "b", "--endpoint", "b:5000", "--plaintext", "--use")

    records = (await succeed("profile", "list", "--json")).records
    names = (await succeed("profile", "list", "-o", "value")).stdout
    rows = (await succeed("profile", "list", "-o", "csv")).stdout.splitlines()

    for record in records:
        validate(record, "profile")
    assert [(record["name"], record["default"]) for record in records] == [("a", False), ("b", True)]
    assert names == "a\nb\n"
    assert rows[0] == "name,default,endpoint,security,api_key"
    monkeypatch.setenv("_MXGW_PY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "mxgw-py read --profile ")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert (await succeed()).stdout.split() == ["plain,a", "plain,b"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize("columns", [60, 100])
async def test_terminal_shows_profiles_as_tables(columns: int) -> None:
    def show(*arguments: str) -> list[str]:
        with PseudoTerminal(columns, 24) as terminal:
            run_with_streams(("profile", *arguments), Streams(stdout=terminal.stream, stderr=terminal.stream))
        return [line.rstrip() for line in terminal.text.split("\n")]

    none = await asyncio.to_thread(show, "list")
    await succeed("profile", "add", "plant", "--endpoint", "plant:5001", "--api-key-env", "PLANT_KEY", "--use")
    listed = await asyncio.to_thread(show, "list")
    shown = await asyncio.to_thread(show, "show")

    assert none[0].endswith("mxgw-py profile add NAME --endpoint HOST:PORT saves one")
    assert [line.split() for line in listed[:2]] == [
        ["name", "default", "endpoint", "security", "API", "key"],
        ["plant", "true", "plant:5001", "TLS", "variable", "PLANT_KEY"],
    ]
    assert "api key found    no" in shown
    assert max(map(len, listed)) <= columns


async def test_removed_profile_is_gone_with_its_key_and_the_rest_of_the_file_stays(
    system_keyring: MemoryKeyring, file: Path
) -> None:
    rest = "# my gateways\n[profiles.a]\nendpoint = 'a:5001' # the old one\n"
    _save(file, f"default = 'b'\n{rest}[profiles.b]\nendpoint = 1\napi_key_keyring = true\n")
    system_keyring.passwords["mxaccess-gateway", "b"] = API_KEY

    removed = await succeed("profile", "remove", "b", "--json")

    validate(removed.record, "profile")
    assert removed.record == {"name": "b", "removed": True}
    assert _text(file).strip() == rest.strip()
    assert not system_keyring.passwords


async def test_unusable_keyring_does_not_keep_a_profile(system_keyring: MemoryKeyring, file: Path) -> None:
    _save(file, "[profiles.a]\nendpoint = 'a:5001'\napi_key_keyring = true\n")
    system_keyring.problem = "locked"

    result = await mxgw_py("profile", "remove", "a")

    assert result.status == ExitStatus.GOOD
    assert "warning: the API key of the profile is still in the system's keyring" in result.error
    assert "profiles.a" not in _text(file)


async def test_existing_profile_is_replaced_only_on_request() -> None:
    await succeed("profile", "add", "plant", "--endpoint", "a:5001", "--timeout", "5")

    refused = await _add("plant", "--endpoint", "b:5001")
    await succeed("profile", "add", "plant", "--endpoint", "b:5001", "--replace")

    assert "give --replace to replace it" in refused.error
    assert ClientOptions.from_profile("plant") == ClientOptions(endpoint="b:5001")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plant"], "no endpoint: give --endpoint HOST:PORT"),
        (["plant", "--endpoint", "gateway"], "endpoint 'gateway' is not host:port"),
        (["plant", "--endpoint", "g:1", "--plaintext", "--ca-file", "ca.pem"], "contradict each other"),
        (["two words", "--endpoint", "g:1"], "invalid name 'two words'"),
        ([API_KEY, "--endpoint", "g:1"], "give the profile a name, never an API key"),
        (["plant", "--endpoint", "g:1", "--api-key-file", "missing"], "missing cannot be read: no such file"),
        (["plant", "--endpoint", "g:1", "--api-key-env", API_KEY], "never the key itself"),
        (["plant", "--endpoint", "g:1", "--api-key-env", "A", "--api-key-keyring"], "give only one of them"),
    ],
)
async def test_invalid_profile_is_refused_in_one_line(file: Path, arguments: list[str], words: str) -> None:
    result = await _add(*arguments)

    assert result.status == ExitStatus.USAGE
    assert words in result.error
    assert API_KEY not in result.stderr
    assert _is_missing(file)


@pytest.mark.parametrize("arguments", [["show", "q"], ["use", "q"], ["remove", "q"], ["show"]])
async def test_unknown_profile_is_named(arguments: list[str]) -> None:
    await succeed("profile", "add", "plant", "--endpoint", "g:5001")

    result = await mxgw_py("profile", *arguments)

    assert result.status == ExitStatus.USAGE
    assert ("no profile 'q' in " if "q" in arguments else "no profile is chosen") in result.error


async def test_broken_file_is_an_error_of_one_line(file: Path) -> None:
    _save(file, "[profiles.plant\n")

    for arguments in (["profile", "list"], ["profile", "add", "b", "--endpoint", "g:1"], ["read", TAG]):
        result = await mxgw_py(*arguments)
        assert result.status == ExitStatus.USAGE
        assert f"cannot read the profiles in {file}: " in result.error


async def test_profile_alone_prints_its_help_and_a_mistyped_subcommand_is_refused() -> None:
    alone = await mxgw_py("profile")
    mistyped = await mxgw_py("profile", "lsit")

    assert (alone.status, alone.stderr) == (ExitStatus.GOOD, "")
    assert alone.stdout.startswith("Usage: mxgw-py profile")
    assert mistyped.status == ExitStatus.USAGE
    assert "did you mean list? (see 'mxgw-py profile --help')" in mistyped.error
