"""The worker process of one session: one command after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.state.refusals import CommandFailed, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mxgateway.testing.state.changes import Changes
    from mxgateway.testing.state.clock import Clock
    from mxgateway.testing.state.conditions import Conditions

__all__ = ["Worker"]


@dataclass(slots=True, eq=False)
class _Pending:
    job: Callable[[], Awaitable[None] | None]
    done: asyncio.Future[None]


class Worker:
    """Runs the commands of one session in the order in which they came.

    A command that has begun runs to its end, whoever still waits for it. One that still waits for its turn has its turn
    as well: only the end of the worker takes it back.
    """

    def __init__(
        self,
        *,
        session_id: str,
        process_id: int,
        clock: Clock,
        conditions: Conditions,
        changes: Changes,
        most_pending: int,
    ) -> None:
        self.process_id = process_id
        self.protocol_version = 1
        self._session_id = session_id
        self._clock = clock
        self._conditions = conditions
        self._changes = changes
        self._most_pending = most_pending
        self._pending: deque[_Pending] = deque()
        self._running: _Pending | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    @property
    def pending(self) -> int:
        """How many commands run or wait."""
        return len(self._pending) + (self._running is not None)

    async def execute(self, job: Callable[[], Awaitable[None] | None], time_limit: float) -> None:
        """Run a job when its turn comes, and wait for it for `time_limit` seconds.

        Raises:
            Refused: too many commands are pending.
            CommandFailed: the time is over, or the worker has ended.
            MxAccessRefused: the job says so.
        """
        if self._ended:
            raise self._unavailable()
        if self.pending >= self._most_pending:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"session {self._session_id} has {self.pending} pending commands, more are refused",
            )
        pending = _Pending(job, asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        self._changes.notify()
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=f"worker of {self._session_id}")

        def too_late() -> None:
            if not pending.done.done():
                pending.done.set_exception(
                    CommandFailed(
                        pb.PROTOCOL_STATUS_CODE_TIMEOUT,
                        f"the command took longer than {time_limit:g} s; the worker goes on with it",
                    )
                )

        timer = self._clock.call_later(time_limit, too_late)
        try:
            await pending.done
        finally:
            timer.cancel()

    def end(self) -> None:
        """End the process: every command that runs or waits ends with WORKER_UNAVAILABLE."""
        self._ended = True
        unfinished = [*([self._running] if self._running else []), *self._pending]
        self._pending.clear()
        for pending in unfinished:
            if not pending.done.done():
                pending.done.set_exception(self._unavailable())
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        while self._pending and not self._ended:
            self._running = pending = self._pending.popleft()
            try:
                await self._slowly()
                result = pending.job()
                if result is not None:
                    await result
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits
                if not pending.done.done():
                    pending.done.set_exception(error)
            else:
                if not pending.done.done():
                    pending.done.set_result(None)
            finally:
                self._running = None
                self._changes.notify()
        self._task = None

    async def _slowly(self) -> None:
        gate = self._conditions.held_commands.get(self._session_id)
        if gate is not None:
            await gate.passed()
        if self._conditions.command_delay:
            await self._clock.sleep(self._conditions.command_delay)

    def _unavailable(self) -> CommandFailed:
        return CommandFailed(
            pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE, f"the worker of session {self._session_id} has ended"
        )
