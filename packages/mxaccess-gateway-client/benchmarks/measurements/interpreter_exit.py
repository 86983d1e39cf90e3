"""Count the interpreters that exit promptly with a busy event stream open."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from comparison import Comparison, Plan, Rival, ours_at_least
from processes import ContestantFailed, server

_PROGRAMS_PER_ROUND: Final = 20
# A program that takes longer counts as hung.
_LIMIT_SECONDS: Final = 2.0

_PROGRAM: Final = """
import asyncio, json, sys
from mxgateway import GatewayClient

async def main():
    client = await GatewayClient.connect(**json.loads(sys.argv[1]), plaintext=True)
    session = await client.open_session()
    stream = session.stream_events()
    await anext(stream)
    left_open.extend([client, session, stream])
    print(flush=True)

left_open = []
asyncio.run(main())
"""


def measure(plan: Plan) -> Iterator[Comparison]:
    programs = plan.rounds * max(2, plan.count(_PROGRAMS_PER_ROUND))
    with server("fast_source") as source:
        durations = [_seconds_to_end(source.address) for _ in range(programs)]
    ended = [seconds for seconds in durations if seconds is not None]
    # No program may hang, so these rows are a count and a maximum instead of medians.
    yield Comparison(
        what=f"interpreters that exit within {_LIMIT_SECONDS:g} s with a stream open",
        unit=f"of {programs}",
        rival=Rival.NONE,
        theirs=(),
        ours=(len(ended),),
        target=ours_at_least(programs),
    )
    yield Comparison(
        what="", unit="longest ms", rival=Rival.NONE, theirs=(), ours=(max(ended, default=_LIMIT_SECONDS) * 1000,)
    )


def _seconds_to_end(address: dict[str, Any]) -> float | None:
    """Return how long a program takes to exit, or None if it hangs or ends with an error."""
    command = [sys.executable, "-c", _PROGRAM, json.dumps(address)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise ContestantFailed(f"a program could not open its stream: it ended with status {process.wait()}")
        began = time.perf_counter()
        try:
            status = process.wait(_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
    return time.perf_counter() - began if status == 0 else None
