"""Tags come from arguments, from files in the formats and encodings that people have, and from patterns."""

from __future__ import annotations

import io
import sys
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from cli_support.command_line import Result, mxgw_py, succeed
from cli_support.files import Save, save_file
from cli_support.gateways import last_command
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

INT, DOUBLE = "TestChildObject.TestInt", "TestChildObject.TestDouble"
MACHINES = [f"TestMachine_00{number}.TestChangingInt" for number in range(1, 7)]


def _tags_of(result: Result) -> list[str]:
    return [line.split()[0] for line in result.stdout.splitlines()]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Save a tag list and return its path."""
    return partial(save_file, tmp_path / "tags")


def _stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    "content",
    [
        f"{INT}\n{DOUBLE}".encode(),
        f"# the pumps\r\n\r\n  {INT}  # inlet\r\n#{INT}.not this\r\n{DOUBLE}\r\n".encode("utf-8-sig"),
        f"{INT}\r\n{DOUBLE}\r\n".encode("utf-16"),
        f"unit,Tag\nbar,{INT}\n,\n# no,tag\n'\"',{DOUBLE}\n".encode(),
        f'sep=;\r\n"tag";"comment"\r\n{INT};"a; b"\r\n\r\n;\r\n"# x; y"\r\n{DOUBLE};\r\n'.encode("utf-8-sig"),
        f"tag\tcomment\r\n{INT}\tGrüße\r\n{DOUBLE}\t\r\n".encode("utf-16"),
        f'["{INT}",\n "{DOUBLE}"]'.encode(),
    ],
    ids=["text", "text with comments", "text of PowerShell", "CSV", "CSV of German Excel", "Unicode text", "JSON"],
)
async def test_tags_are_read_from_file_in_any_usual_format(save: Save, content: bytes) -> None:
    tag_list = save(content)

    assert _tags_of(await succeed("read", "--tags-file", tag_list)) == [INT, DOUBLE]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "names no tag"),
        (b"# nothing\n\n", "names no tag"),
        (b"A.B\n\nC.D, E.F\n", "line 3 is not the name of a tag: 'C.D, E.F'"),
        (b'"A.B"\n', "line 1 is not the name of a tag"),
        (b"tag;note\nA.B;x\n;y\n", "line 3 has no tag name"),
        (b"tag;note\nA.B;x;y\n", "line 2 has 3 cells for 2 columns"),
        (b'tag;note\n\n\nA.B;"x\n', "line 4 is not valid CSV"),
        (b"tag;Tag\n", "line 1 has two columns tag"),
        (b'["A.B",\n"C.D"', "line 2 is not valid JSON"),
        (b'["A.B", 5]', "element 2 is not a string: '5'"),
        (b'["A.B", ""]', "element 2 has no tag name"),
        (b'{"tag": "A.B"}', "not an array"),
        (b"[" * 50_000, "not valid JSON"),
        (b"A.B\nM\xfcller.Wert\n", "line 2 is not valid UTF-8"),
        (b"PK\x03\x04\x00\x00", "is not a text file"),
    ],
)
async def test_mistake_in_file_is_named_with_its_line(
    gateway: SimulatedGateway, save: Save, content: bytes, words: str
) -> None:
    tag_list = save(content)

    result = await mxgw_py("read", "--tags-file", tag_list)

    assert result.status == ExitStatus.USAGE
    assert f"cannot read the tag list {tag_list}: " in result.error
    assert words in result.error
    assert not gateway.calls


async def test_missing_file_is_named(gateway: SimulatedGateway, tmp_path: Path) -> None:
    tag_list = tmp_path / "tags"
    result = await mxgw_py("watch", "--tags-file", tag_list)

    assert result.status == ExitStatus.USAGE
    assert f"{tag_list}: no such file" in result.error
    assert not gateway.calls


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("arguments", [("-",), ("--tags-file", "-")])
async def test_tags_are_read_from_stdin(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    _stdin(monkeypatch, f"{DOUBLE}\n{INT}\n".encode("utf-16"))

    assert _tags_of(await succeed("read", *arguments)) == [DOUBLE, INT]


@pytest.mark.usefixtures("gateway")
async def test_batch_keeps_stdin_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    _stdin(monkeypatch, f"read -\nread {INT}\n".encode())

    first, _, second, _ = (await succeed("batch")).stdout.splitlines()

    assert "batch reads its lines from there" in first
    assert second.startswith(INT)


@pytest.mark.usefixtures("gateway")
async def test_tag_that_is_given_twice_is_read_once(save: Save) -> None:
    tag_list = save(f"{INT.upper()}\n{DOUBLE}\n")

    assert _tags_of(await succeed("read", INT, INT, "--tags-file", tag_list)) == [INT, DOUBLE]


async def test_pattern_is_looked_up_in_galaxy_and_counted(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("read", "--match", "testmachine_*.TestChangingInt", INT, "TestChildObject.TestInt?rray")

    assert result.status == ExitStatus.GOOD
    assert _tags_of(result) == [*MACHINES, INT, "TestChildObject.TestIntArray[]"]
    assert result.stderr.splitlines() == [
        "6 tags match 'testmachine_*.TestChangingInt'",
        "1 tag matches 'TestChildObject.TestInt?rray'",
    ]
    globs = [cast("Any", call.request).tag_name_glob for call in gateway.calls if call.rpc == "DiscoverHierarchy"]
    assert globs == ["testmachine_*", "TestChildObject"]


async def test_pattern_in_file_feeds_bulk_command(session: Session, gateway: SimulatedGateway, save: Save) -> None:
    server_handle = await session.register("tests")
    tag_list = save("TestMachine_00?.TestChangingInt\n")

    result = await mxgw_py("subscribe-bulk", "--server-handle", server_handle, "--tags-file", tag_list, "--match")

    assert result.status == ExitStatus.GOOD
    assert list(last_command(gateway).subscribe_bulk.tag_addresses) == MACHINES


@pytest.mark.parametrize(
    ("pattern", "words", "status"),
    [
        ("TestMachine_*.NoSuch*", "no tag of the Galaxy matches 'TestMachine_*.NoSuch*'", ExitStatus.FAILED),
        ("NoSuch*.*", "no tag of the Galaxy matches", ExitStatus.FAILED),
        ("TestMachine_*", "names no attribute", ExitStatus.USAGE),
        (".Test*", "names no attribute", ExitStatus.USAGE),
    ],
)
async def test_pattern_without_tags_fails(
    gateway: SimulatedGateway, pattern: str, words: str, status: ExitStatus
) -> None:
    result = await mxgw_py("read", "--match", pattern)

    assert result.status == status
    assert words in result.error
    assert not [call for call in gateway.calls if call.rpc == "OpenSession"]


async def test_pattern_without_match_is_refused_with_the_option(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("read", "TestMachine_*.TestSine")

    assert result.status == ExitStatus.USAGE
    assert "give --match" in result.error
    assert not gateway.calls


@pytest.mark.parametrize("command", ["subscribe-bulk", "add-item-bulk", "read-bulk"])
@pytest.mark.usefixtures("session")
async def test_bulk_command_without_tags_is_usage_error(command: str) -> None:
    result = await mxgw_py(command, "--server-handle", "1")

    assert result.status == ExitStatus.USAGE
    assert "no tags: give TAG..., for example TestChildObject.TestInt, or --tags-file FILE" in result.error


@pytest.mark.usefixtures("gateway")
async def test_benchmark_takes_tags_from_file(save: Save) -> None:
    tag_list = save(f"{INT}\n{DOUBLE}\n")

    result = await succeed("bench-read-bulk", "--tags-file", tag_list, "--duration", "0.1")

    assert "calls/s of 2 tags" in result.stdout
