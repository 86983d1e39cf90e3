"""The worker process of one session, which runs one command at a time."""

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

    from mxgateway.testing.world import World

__all__ = ["Worker"]


@dataclass(slots=True, eq=False)
class _Pending:
    job: Callable[[], Awaitable[None] | None]
    done: asyncio.Future[None]


class Worker:
    """A worker process, which runs the commands of one session in the order in which they arrive.

    Cancelling a call cancels neither a running nor a waiting command. Only the end of the worker does.
    """

    def __init__(self, session_id: str, process_id: int, world: World) -> None:
        self.process_id = process_id
        self.protocol_version = 1
        self._session_id = session_id
        self._world = world
        self._pending: deque[_Pending] = deque()
        self._running: _Pending | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    @property
    def pending(self) -> int:
        """The number of commands that run or wait."""
        return len(self._pending) + (self._running is not None)

    async def execute(self, job: Callable[[], Awaitable[None] | None], timeout: float) -> None:
        """Run a job after all jobs before it, and wait until it is done, for at most `timeout` seconds.

        Raises:
            Refused: too many commands are pending.
            CommandFailed: the time is over, or the worker has ended.
            MxAccessRefused: raised by the job.
        """
        if self._ended:
            raise self._unavailable()
        if self.pending >= self._world.limits.pending_commands:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"session {self._session_id} already has {self.pending} pending commands",
            )
        pending = _Pending(job, asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        self._world.changed.notify_all()
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=f"worker of {self._session_id}")

        def time_out() -> None:
            if not pending.done.done():
                pending.done.set_exception(
                    CommandFailed(
                        pb.PROTOCOL_STATUS_CODE_TIMEOUT,
                        f"the command took longer than {timeout:g} s; the worker continues with it",
                    )
                )

        timer = self._world.clock.call_later(timeout, time_out)
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
                await self._apply_faults()
                result = pending.job()
                if result is not None:
                    await result
            except Exception as error:  # noqa: BLE001 - every error is raised by `execute`, in the caller's task
                if not pending.done.done():
                    pending.done.set_exception(error)
            else:
                if not pending.done.done():
                    pending.done.set_result(None)
            finally:
                self._running = None
                self._world.changed.notify_all()
        self._task = None

    async def _apply_faults(self) -> None:
        faults = self._world.active_faults
        released = faults.held_commands.get(self._session_id)
        if released is not None:
            await released.wait()
        if faults.command_delay:
            await self._world.clock.sleep(faults.command_delay)

    def _unavailable(self) -> CommandFailed:
        return CommandFailed(
            pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE, f"the worker of session {self._session_id} has ended"
        )
