"""What this process and the gateway's hold at one moment, and that it does not grow with what was done."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from support.faults.gateway_process import GatewayProcess
from support.faults.tidying import tidy_memory

# Under these bounds it is warming up: caches, gRPC's threads and their arenas, a wake-up descriptor here and there.
# One thing left behind by each command, reconnection or client goes over them.
_MORE_OBJECTS: Final = 1_000
_MORE_NATIVE_THREADS: Final = 16
_MORE_DESCRIPTORS: Final = 8
_MORE_MEMORY: Final = 24 * 1024 * 1024

_PATIENCE: Final = 10.0
_LOOK_AGAIN: Final = 0.05
_PROCESSES: Final = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a process holds.

    Attributes:
        tasks: the tasks of the running loop.
        threads: the threads that Python knows.
        objects: the objects that Python's collector follows, after a collection.
        native_threads: the threads of the process, gRPC's own included; None where there is no /proc.
        descriptors: the open file descriptors; None where there is no /proc.
        memory: the resident bytes; None where there is no /proc.
    """

    tasks: int
    threads: int
    objects: int
    native_threads: int | None
    descriptors: int | None
    memory: int | None

    @classmethod
    def now(cls) -> Self:
        """Look at this process, without what it doesn't need any more."""
        tidy_memory()
        return cls._of(len(asyncio.all_tasks()), threading.active_count(), len(gc.get_objects()), os.getpid())

    @classmethod
    async def of(cls, gateway: GatewayProcess) -> Self:
        """Look at the gateway's process."""
        inside = await gateway.do("footprint")
        return cls._of(inside["tasks"], inside["threads"], inside["objects"], gateway.process_id)

    @classmethod
    def _of(cls, tasks: int, threads: int, objects: int, process_id: int) -> Self:
        """Add what the system says of the process."""
        folder = _PROCESSES / str(process_id)
        known = folder.is_dir()
        status = (folder / "status").read_text(encoding="utf-8").splitlines() if known else []
        lines = dict(line.split(":", 1) for line in status)
        numbers = {name: int(lines[name].split()[0]) for name in ("Threads", "VmRSS") if name in lines}
        return cls(
            tasks=tasks,
            threads=threads,
            objects=objects,
            native_threads=numbers.get("Threads"),
            descriptors=len(list((folder / "fd").iterdir())) if known else None,
            memory=numbers["VmRSS"] * 1024 if known else None,
        )

    def holds_no_more_than(self, earlier: Footprint) -> bool:
        """Whether it is the earlier one again, but for what a process needs to warm up."""
        return (
            self.tasks <= earlier.tasks
            and self.threads <= earlier.threads
            and self.objects <= earlier.objects + _MORE_OBJECTS
            and _within(self.native_threads, earlier.native_threads, _MORE_NATIVE_THREADS)
            and _within(self.descriptors, earlier.descriptors, _MORE_DESCRIPTORS)
            and _within(self.memory, earlier.memory, _MORE_MEMORY)
        )

    def __str__(self) -> str:
        memory = "?" if self.memory is None else f"{self.memory / 1e6:.1f}"
        return (
            f"{self.tasks} tasks, {self.threads} threads ({self.native_threads} native), "
            f"{self.descriptors} descriptors, {self.objects} objects, {memory} MB"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprints:
    """What the client's process and the gateway's hold at one moment."""

    client: Footprint
    gateway: Footprint

    @classmethod
    async def now(cls, gateway: GatewayProcess) -> Self:
        """Look at both."""
        return cls(client=Footprint.now(), gateway=await Footprint.of(gateway))

    def holds_no_more_than(self, earlier: Footprints) -> bool:
        """Whether both are as they were."""
        return self.client.holds_no_more_than(earlier.client) and self.gateway.holds_no_more_than(earlier.gateway)

    def __str__(self) -> str:
        return f"client: {self.client}; gateway: {self.gateway}"


def a_gateway(**limits: float) -> GatewayProcess:
    """A gateway that remembers little of what is over, so that what it holds shows soon whether it grows."""
    return GatewayProcess(known_closed_sessions=8, recorded_calls=100, recorded_bytes=64 * 1024, **limits)


async def nothing_grew(since: Footprints, gateway: GatewayProcess, what: str) -> None:
    """Make sure that both processes hold what they held, once what ends by itself has ended; prints the figures."""
    deadline = time.monotonic() + _PATIENCE
    now = await Footprints.now(gateway)
    while not now.holds_no_more_than(since) and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_AGAIN)
        now = await Footprints.now(gateway)
    figures = f"{what}\n  before {since}\n  after  {now}"
    print(figures)  # noqa: T201 - `hatch run load` shows it
    assert now.holds_no_more_than(since), figures


def _within(now: int | None, earlier: int | None, more: int) -> bool:
    return now is None or earlier is None or now <= earlier + more
