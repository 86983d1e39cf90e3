"""An unknown option is answered with near options that the command has."""

from __future__ import annotations

import pytest

from cli_support.command_line import mxgw_py
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
