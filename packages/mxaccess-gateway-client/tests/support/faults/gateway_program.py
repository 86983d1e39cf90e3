"""Run a simulated gateway with a counter tag, controlled by JSON commands on standard input.

The argument is a JSON object with the limits that differ from their defaults. The first line of output is a JSON object
with the endpoint and the API key. Each line of input is a command, a JSON object: `command` names a method of
`GatewayProgram`, and the other keys are its arguments. A command with an `id` is answered with that `id` and either a
`result` or an `error`. The program ends at the end of its input.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import grpc

from mxgateway import SessionState
from mxgateway.testing import Limits, SimulatedGateway, Tag
from support.faults.memory import release_memory

COUNTER: Final = "TestChildObject.TestInt"

# How often the counter changes before the event loop runs, in which the gateway sends the changes.
_CHANGES_PER_ITERATION: Final = 20


class GatewayProgram:
    """Runs the commands; each public method is one."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._counter = 0
        self._allowed = 0
        self._allowed_more = asyncio.Event()
        gateway.plant[COUNTER].set(0)

    async def count(self) -> None:
        """Increase the counter by one at a time up to the allowed value, for as long as the program runs."""
        while True:
            if self._counter < self._allowed:
                self.burst(min(_CHANGES_PER_ITERATION, self._allowed - self._counter))
                await asyncio.sleep(0)
            else:
                self._allowed_more.clear()
                await self._allowed_more.wait()

    def count_until(self, value: int) -> None:
        """Allow the counter to increase up to a value."""
        self._allowed = max(self._allowed, value)
        self._allowed_more.set()

    def burst(self, changes: int) -> int:
        """Increase the counter `changes` times at once, and return its value."""
        for _ in range(changes):
            self._counter += 1
            self._gateway.plant[COUNTER].set(self._counter)
        return self._counter

    def status(self) -> dict[str, Any]:
        """Return the fields of GatewayStatus."""
        return {
            "counter": self._counter,
            "sessions": {session.session_id: session.last_sequence for session in self._gateway.sessions},
            "calls": [call.rpc for call in self._gateway.calls if call.running],
        }

    def footprint(self) -> dict[str, int]:
        """Release unused memory, and return what this process still holds."""
        release_memory()
        return {
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "objects": len(gc.get_objects()),
        }

    def add_tags(self, prefix: str, count: int) -> None:
        """Add `count` integer tags with value 0, named by the prefix and a number from 0."""
        for number in range(count):
            self._gateway.plant.add(Tag(f"{prefix}{number}", "integer", 0))

    async def wait_until_idle(self) -> None:
        """Wait until the gateway has no session and no running call."""
        gateway = self._gateway
        await gateway.wait_for(lambda: not gateway.sessions and not [call for call in gateway.calls if call.running])

    async def restart(self) -> int:
        """Restart on the same port; return how many sessions were lost."""
        lost = len(self._gateway.sessions)
        await self._gateway.faults.restart()
        return lost

    async def drop_connections(self) -> None:
        """Break every connection, and accept new ones."""
        await self._gateway.faults.drop_connections()

    def kill_workers(self) -> int:
        """Crash the workers of all ready sessions; return how many there were."""
        return self._for_ready_sessions(self._gateway.faults.kill_worker)

    def fault_sessions(self) -> int:
        """Set all ready sessions to FAULTED; return how many there were."""
        return self._for_ready_sessions(self._gateway.faults.fault_session)

    def overflow(self) -> int:
        """End all streams as if their subscribers were too slow; return how many sessions were lost."""
        return self._for_ready_sessions(self._gateway.faults.overflow_events)

    def age_out(self) -> int:
        """Drop all events retained for a resume; return for how many sessions."""
        return self._for_ready_sessions(self._gateway.faults.age_out_replay)

    def refuse_streams(self, count: int) -> None:
        """Refuse the next `count` event streams as unavailable, like a gateway that is about to stop."""
        self._gateway.faults.refuse_next_calls(count, grpc.StatusCode.UNAVAILABLE, rpc="StreamEvents")

    def delay_calls(self, seconds: float) -> None:
        """Delay every later call."""
        self._gateway.faults.delay_calls(seconds)

    def pass_time(self, seconds: float) -> None:
        """Advance the gateway's clock, so that leases expire."""
        self._gateway.clock.advance(seconds)

    def _for_ready_sessions(self, inject: Callable[[str], None]) -> int:
        ready = [session.session_id for session in self._gateway.sessions if session.state is SessionState.READY]
        for session_id in ready:
            inject(session_id)
        return len(ready)


async def _run_commands(program: GatewayProgram, commands: asyncio.StreamReader) -> None:
    while line := await commands.readline():
        arguments = json.loads(line)
        command_id, run = arguments.pop("id", None), getattr(program, arguments.pop("command"))
        try:
            result = run(**arguments)
            answer = {"id": command_id, "result": await result if asyncio.iscoroutine(result) else result}
        except (OSError, RuntimeError, KeyError) as error:
            answer = {"id": command_id, "error": repr(error)}
        if command_id is not None:
            _print_json(answer)


def _print_json(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Serve until the end of the input."""
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()

    def read() -> None:
        # A thread reads the input, because event loops cannot read a console or a pipe on every platform.
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(commands.feed_data, line)
        loop.call_soon_threadsafe(commands.feed_eof)

    async with SimulatedGateway(ramp_interval=None, limits=Limits(**json.loads(sys.argv[1]))) as gateway:
        program = GatewayProgram(gateway)
        _print_json({"endpoint": gateway.endpoint, "api_key": gateway.api_key})
        counting = asyncio.create_task(program.count())
        reading = loop.run_in_executor(None, read)
        await _run_commands(program, commands)
        await reading
        counting.cancel()


if __name__ == "__main__":
    asyncio.run(main())
