"""The command `explore`: how it starts and ends."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from cli_support.command_line import PROGRAM, mxgw_py
from cli_support.terminal import PseudoTerminal
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus


async def test_failures_before_the_first_screen_are_one_line(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = await mxgw_py("explore")
    monkeypatch.setenv("MXGATEWAY_API_KEY", "mxgw_0a1b2c3d_no-such-key")
    rejected = await mxgw_py("explore")
    await gateway.stop()
    refused = await mxgw_py("explore")

    assert piped.status == ExitStatus.USAGE
    assert "explore needs a terminal" in piped.error
    assert rejected.status == ExitStatus.AUTHENTICATION
    assert "does not accept the API key" in rejected.error
    assert refused.status == ExitStatus.TRANSPORT
    assert "nothing listens on port" in refused.error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
async def test_ctrl_c_leaves_the_screen_and_closes_the_session(gateway: SimulatedGateway) -> None:
    with PseudoTerminal(80, 24) as terminal:
        process = await asyncio.create_subprocess_exec(
            *(*PROGRAM, "explore", "TestChildObject.TestInt", "--no-color"),
            stdin=terminal.keyboard,
            stdout=terminal.stream,
            stderr=terminal.stream,
            env=os.environ | {"TERM": "xterm-256color"},
        )
        try:
            await terminal.wait_for_text(lambda _: "42 good" in terminal.text)
            assert len(gateway.sessions) == 1
            terminal.press("\x03")
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    assert status == ExitStatus.INTERRUPTED
    await gateway.wait_for(lambda: not gateway.sessions)
    assert "Traceback" not in terminal.text
