"""A simulated gateway in a process of its own, with a counter that changes as fast as it is asked to.

Its argument is a JSON object with the limits that are not the default. It says where it listens in its first line. Then
it takes orders, one JSON object a line: `do` names what to do, the other keys are its arguments, and one that has an
`id` is answered with that `id` and a `result` or an `error`. It ends when its input does.
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
from support.faults.tidying import tidy_memory

COUNTER: Final = "TestChildObject.TestInt"

# So many changes between two turns of the loop, in which the gateway sends them.
_CHANGES_AT_ONCE: Final = 20


class GatewayProgram:
    """Carries out the orders; each public method is one."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._counter = 0
        self._until = 0
        self._more = asyncio.Event()
        gateway.plant[COUNTER].set(0)

    async def count(self) -> None:
        """Change the counter, one by one, as far as it may go."""
        while True:
            if self._counter < self._until:
                self.burst(min(_CHANGES_AT_ONCE, self._until - self._counter))
                await asyncio.sleep(0)
            else:
                self._more.clear()
                await self._more.wait()

    def count_until(self, value: int) -> None:
        """Let the counter go on up to a value."""
        self._until = max(self._until, value)
        self._more.set()

    def burst(self, changes: int) -> int:
        """Change the counter so many times at once, and give its value."""
        for _ in range(changes):
            self._counter += 1
            self._gateway.plant[COUNTER].set(self._counter)
        return self._counter

    def status(self) -> dict[str, Any]:
        """Tell what the gateway has: its counter, its sessions, and the calls that it still serves."""
        return {
            "counter": self._counter,
            "sessions": {session.session_id: session.last_sequence for session in self._gateway.sessions},
            "calls": [call.rpc for call in self._gateway.calls if call.running],
        }

    def footprint(self) -> dict[str, int]:
        """Tell what this process holds, once it is rid of what it doesn't need any more."""
        tidy_memory()
        return {
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "objects": len(gc.get_objects()),
        }

    def add_tags(self, prefix: str, count: int) -> None:
        """Let the plant have so many integers more: the prefix and their number from 0 on, each 0."""
        for number in range(count):
            self._gateway.plant.add(Tag(f"{prefix}{number}", "integer", 0))

    async def wait_until_idle(self) -> None:
        """Wait until it has no session and serves no call any more."""
        gateway = self._gateway
        await gateway.wait_for(lambda: not gateway.sessions and not [call for call in gateway.calls if call.running])

    async def restart(self) -> int:
        """Stop and start again on the same port; gives how many sessions were lost."""
        lost = len(self._gateway.sessions)
        await self._gateway.faults.restart()
        return lost

    async def drop_connections(self) -> None:
        """Break every connection and take new ones."""
        await self._gateway.faults.drop_connections()

    def kill_workers(self) -> int:
        """End the workers of all sessions as crashes do; gives how many there were."""
        return self._with_all(self._gateway.faults.kill_worker)

    def fault_sessions(self) -> int:
        """Make all sessions FAULTED; gives how many there were."""
        return self._with_all(self._gateway.faults.fault_session)

    def overflow(self) -> int:
        """End all streams as if their subscribers were too slow; gives how many sessions were lost to that."""
        return self._with_all(self._gateway.faults.overflow_events)

    def age_out(self) -> int:
        """Retain nothing of what came so far; gives of how many sessions."""
        return self._with_all(self._gateway.faults.age_out_replay)

    def refuse_streams(self, count: int) -> None:
        """Refuse the next event streams as a gateway does that is about to stop."""
        self._gateway.faults.refuse_next_calls(count, grpc.StatusCode.UNAVAILABLE, rpc="StreamEvents")

    def delay_calls(self, seconds: float) -> None:
        """Let every call wait at the door from now on."""
        self._gateway.faults.delay_calls(seconds)

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once, so that leases end."""
        self._gateway.clock.advance(seconds)

    def _with_all(self, do: Callable[[str], None]) -> int:
        ready = [session.session_id for session in self._gateway.sessions if session.state is SessionState.READY]
        for session_id in ready:
            do(session_id)
        return len(ready)


async def _obey(program: GatewayProgram, orders: asyncio.StreamReader) -> None:
    while line := await orders.readline():
        order = json.loads(line)
        number, action = order.pop("id", None), getattr(program, order.pop("do"))
        try:
            result = action(**order)
            answer = {"id": number, "result": await result if asyncio.iscoroutine(result) else result}
        except (OSError, RuntimeError, KeyError) as error:
            answer = {"id": number, "error": repr(error)}
        if number is not None:
            _say(answer)


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()

    def read() -> None:
        # A thread reads, because no event loop reads a console or a pipe on every platform.
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(orders.feed_data, line)
        loop.call_soon_threadsafe(orders.feed_eof)

    async with SimulatedGateway(ramp_interval=None, limits=Limits(**json.loads(sys.argv[1]))) as gateway:
        program = GatewayProgram(gateway)
        _say({"endpoint": gateway.endpoint, "api_key": gateway.api_key})
        counting = asyncio.create_task(program.count())
        reading = loop.run_in_executor(None, read)
        await _obey(program, orders)
        await reading
        counting.cancel()


if __name__ == "__main__":
    asyncio.run(main())
