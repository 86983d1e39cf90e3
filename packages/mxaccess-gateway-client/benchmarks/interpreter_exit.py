"""Whether an interpreter ends at once although an event stream is open and busy."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from comparison import Comparison, Plan, Rival, ours_at_least
from processes import ContestantFailed, server

_PROGRAMS: Final = 20
# Seconds in which it should be gone; what takes longer hangs.
_AT_ONCE: Final = 2.0

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
    programs = plan.rounds * max(2, plan.count(_PROGRAMS))
    with server("fast_source") as source:
        taken = [_seconds_to_end(source.address) for _ in range(programs)]
    ended = [seconds for seconds in taken if seconds is not None]
    # Not one may hang: so these are no medians.
    yield Comparison(
        what=f"interpreters that end within {_AT_ONCE:g} s under an open stream",
        unit=f"of {programs}",
        rival=Rival.NONE,
        theirs=(),
        ours=(len(ended),),
        target=ours_at_least(programs),
    )
    yield Comparison(
        what="", unit="longest ms", rival=Rival.NONE, theirs=(), ours=(max(ended, default=_AT_ONCE) * 1000,)
    )


def _seconds_to_end(address: dict[str, Any]) -> float | None:
    """How long a program takes to end; None when it has to be killed, or ends with an error."""
    command = [sys.executable, "-c", _PROGRAM, json.dumps(address)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise ContestantFailed(f"a program that should end under an open stream has opened none: {process.wait()}")
        began = time.perf_counter()
        try:
            status = process.wait(_AT_ONCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
    return time.perf_counter() - began if status == 0 else None
