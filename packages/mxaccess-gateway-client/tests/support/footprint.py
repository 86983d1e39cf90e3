"""Measure what the client's and the gateway's process hold, and assert that it does not grow."""

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
from support.faults.memory import release_memory

# Growth within these bounds comes from warming up: caches, gRPC's threads and their memory arenas, wake-up descriptors.
# If each command, reconnect or client left one object behind, the load tests would exceed them.
_EXTRA_OBJECTS: Final = 1_000
_EXTRA_NATIVE_THREADS: Final = 16
_EXTRA_DESCRIPTORS: Final = 8
_EXTRA_MEMORY_BYTES: Final = 24 * 1024 * 1024

_TIMEOUT_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_PROC_FOLDER: Final = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """The resources that a process holds.

    Attributes:
        tasks: the number of tasks in the running event loop.
        threads: the number of Python threads.
        objects: the number of objects that the garbage collector tracks, after a collection.
        native_threads: the number of threads, including those of gRPC; None without /proc.
        descriptors: the number of open file descriptors; None without /proc.
        memory: the resident memory in bytes; None without /proc.
    """

    tasks: int
    threads: int
    objects: int
    native_threads: int | None
    descriptors: int | None
    memory: int | None

    @classmethod
    def of_this_process(cls) -> Self:
        """Release unused memory, and measure this process."""
        release_memory()
        return cls._of(len(asyncio.all_tasks()), threading.active_count(), len(gc.get_objects()), os.getpid())

    @classmethod
    async def of_gateway(cls, gateway: GatewayProcess) -> Self:
        """Measure the gateway's process."""
        counts = await gateway.run("footprint")
        return cls._of(counts["tasks"], counts["threads"], counts["objects"], gateway.process_id)

    @classmethod
    def _of(cls, tasks: int, threads: int, objects: int, process_id: int) -> Self:
        """Return a footprint completed with what /proc knows about the process."""
        folder = _PROC_FOLDER / str(process_id)
        has_proc = folder.is_dir()
        status = (folder / "status").read_text(encoding="utf-8").splitlines() if has_proc else []
        lines = dict(line.split(":", 1) for line in status)
        numbers = {name: int(lines[name].split()[0]) for name in ("Threads", "VmRSS") if name in lines}
        return cls(
            tasks=tasks,
            threads=threads,
            objects=objects,
            native_threads=numbers.get("Threads"),
            descriptors=len(list((folder / "fd").iterdir())) if has_proc else None,
            memory=numbers["VmRSS"] * 1024 if has_proc else None,
        )

    def has_not_grown_since(self, earlier: Footprint) -> bool:
        """Return whether nothing has grown beyond what warming up explains."""
        return (
            self.tasks <= earlier.tasks
            and self.threads <= earlier.threads
            and self.objects <= earlier.objects + _EXTRA_OBJECTS
            and _within(self.native_threads, earlier.native_threads, _EXTRA_NATIVE_THREADS)
            and _within(self.descriptors, earlier.descriptors, _EXTRA_DESCRIPTORS)
            and _within(self.memory, earlier.memory, _EXTRA_MEMORY_BYTES)
        )

    def __str__(self) -> str:
        memory = "?" if self.memory is None else f"{self.memory / 1e6:.1f}"
        return (
            f"{self.tasks} tasks, {self.threads} threads ({self.native_threads} native), "
            f"{self.descriptors} descriptors, {self.objects} objects, {memory} MB"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprints:
    """The footprints of the client's process and of the gateway's process."""

    client: Footprint
    gateway: Footprint

    @classmethod
    async def measure(cls, gateway: GatewayProcess) -> Self:
        """Measure both processes."""
        return cls(client=Footprint.of_this_process(), gateway=await Footprint.of_gateway(gateway))

    def have_not_grown_since(self, earlier: Footprints) -> bool:
        """Return whether neither process has grown beyond what warming up explains."""
        return self.client.has_not_grown_since(earlier.client) and self.gateway.has_not_grown_since(earlier.gateway)

    def __str__(self) -> str:
        return f"client: {self.client}; gateway: {self.gateway}"


def gateway_with_short_history(**limits: float) -> GatewayProcess:
    """Return a gateway that keeps few closed sessions and recorded calls, so that growth becomes visible soon."""
    return GatewayProcess(known_closed_sessions=8, recorded_calls=100, recorded_bytes=64 * 1024, **limits)


async def assert_no_growth(since: Footprints, gateway: GatewayProcess, what: str) -> None:
    """Assert that neither process has grown, with some time for cleanup to finish, and print the figures."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    now = await Footprints.measure(gateway)
    while not now.have_not_grown_since(since) and time.monotonic() < deadline:
        await asyncio.sleep(_POLL_SECONDS)
        now = await Footprints.measure(gateway)
    figures = f"{what}\n  before {since}\n  after  {now}"
    print(figures)  # noqa: T201 - `hatch run load` shows the figures
    assert now.have_not_grown_since(since), figures


def _within(now: int | None, earlier: int | None, extra: int) -> bool:
    return now is None or earlier is None or now <= earlier + extra
