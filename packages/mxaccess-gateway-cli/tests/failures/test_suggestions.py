"""An unknown command or option is answered with near ones that exist."""

from __future__ import annotations

import re

import pytest

from cli_support.command_line import mxgw_py, succeed
from mxgateway_cli.exit_status import ExitStatus


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (("read", "A.B", "--timout", "3"), ": did you mean --timeout?"),
        (("watch", "A.B", "--coun", "3"), ": did you mean --count?"),
        (("read", "A.B", "--fingerprint", "ab"), ": did you mean --certificate-fingerprint?"),
        (("read", "A.B", "--csv"), ": did you mean --output csv?"),
        (("read", "A.B", "--nonsense"), ""),
        # The command has no such option, other commands do.
        (("version", "--timeout", "3"), ""),
    ],
    ids=["typing error", "missing letter", "word", "format", "far", "of another command"],
)
async def test_only_near_options_of_command_are_suggested(arguments: tuple[str, ...], suggestion: str) -> None:
    result = await mxgw_py(*arguments)

    option = next(each for each in arguments if each.startswith("--"))
    assert result.status == ExitStatus.USAGE
    assert result.error == (
        f"mxgw-py: error: unknown option {option}{suggestion} (see 'mxgw-py {arguments[0]} --help')"
    )


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [
        ("raed", "read"),
        ("read_bulk", "read-bulk"),
        ("status", "doctor, session-state or galaxy-status"),
        ("ls", "browse"),
        ("alarms", "watch-alarms, query-active-alarms or stream-alarms"),
        ("Get", "read"),
        ("subscribe", "watch, subscribe-bulk or subscribe-alarms"),
    ],
)
async def test_unknown_command_is_answered_with_near_commands(word: str, suggestion: str) -> None:
    result = await mxgw_py(word, "A.B")

    assert result.status == ExitStatus.USAGE
    assert f"unknown command {word!r}: did you mean {suggestion}" in result.error


async def test_words_about_settings_are_answered_too() -> None:
    assert re.search(r"did you mean .*doctor", (await mxgw_py("config")).error)


async def test_far_word_has_no_suggestion() -> None:
    assert (await mxgw_py("zzz")).error == "mxgw-py: error: unknown command 'zzz' (see 'mxgw-py --help')"


async def test_tag_in_place_of_command_is_answered_with_read() -> None:
    assert "give mxgw-py read Pump.Level (see" in (await mxgw_py("Pump.Level")).error


async def test_option_before_command_is_answered_with_its_place() -> None:
    assert "options follow the command" in (await mxgw_py("--endpoint", "plant:5001", "read", "A.B")).error
    assert "did you mean --version?" in (await mxgw_py("--versoin")).error


async def test_group_of_commands_suggests_its_own_commands_and_prints_its_help() -> None:
    assert "unknown command 'ad': did you mean add?" in (await mxgw_py("profile", "ad")).error
    assert "Make a profile the default one" in (await succeed("profile")).stdout
