"""TagStorm: random calls of a TagClient on a gateway with random faults, and the check of everything they reported."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import grpc

from mxgateway import (
    MxGatewayError,
    TagChange,
    TagClient,
    TagRefused,
    TagWatch,
    WriteState,
    to_mx_value,
)
from mxgateway.testing import SimulatedGateway

_TIMEOUTS = (None, None, 0.001, 0.02, 0.2, 2.0)
_BLOCKED_SECONDS = 0.3


@dataclass(slots=True, kw_only=True)
class _Watcher:
    """One watch with a reader, and the last value of each tag.

    Attributes:
        known: The last value per tag.
        refused: The tags that the watch reported as refused.
        error: The error with which the watch ended.
    """

    watch: TagWatch
    known: dict[str, object] = field(default_factory=dict[str, object])
    refused: set[str] = field(default_factory=set[str])
    error: MxGatewayError | None = None
    progressed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> None:
        try:
            async for item in self.watch:
                if isinstance(item, TagChange):
                    self.known[item.tag] = item.value
                elif isinstance(item, TagRefused):
                    self.refused.add(item.tag)
                self.progressed.set()
        except MxGatewayError as error:
            self.error = error
            self.progressed.set()

    def is_up_to_date(self, gateway: SimulatedGateway) -> bool:
        """Whether the watch has every present value, or has reported why not."""
        if self.error is not None:
            return True
        return all(tag in self.refused or self.known.get(tag) == gateway.plant[tag].value for tag in self.watch.tags)


class TagStorm:
    """Random watches, reads, writes and cancellations, while the gateway fails and the event loop is blocked.

    Every written value is an integer that is written once, so that the plant's history proves each outcome.
    """

    def __init__(self, gateway: SimulatedGateway, tags: TagClient, names: Sequence[str], seed: int) -> None:
        self._gateway = gateway
        self._tags = tags
        self._names = names
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._numbers = itertools.count(1_000)
        self._history: dict[str, list[object]] = {name: [] for name in names}
        self._written: set[tuple[str, int]] = set()
        self._not_written: set[tuple[str, int]] = set()
        self._watchers: list[_Watcher] = []
        self._readers: set[asyncio.Task[None]] = set()
        self._restart_lock = asyncio.Lock()

    async def run(self, steps: int) -> None:
        """Rage for some steps, then wait until every call has ended."""
        for name in self._names:
            self._gateway.plant[name].listen(partial(self._record, name))
        async with asyncio.TaskGroup() as calls:
            for _ in range(steps):
                for _ in range(self._random.randrange(4)):
                    calls.create_task(self._random.choice((self._write, self._write_many, self._read, self._watch))())
                if self._random.random() < 0.15:
                    calls.create_task(self._cause_fault())
                if self._random.random() < 0.05:
                    time.sleep(_BLOCKED_SECONDS)  # noqa: ASYNC251 - an application that blocks the event loop
                if self._random.random() < 0.2:
                    self._gateway.plant[self._random.choice(self._names)].set(next(self._numbers))
                await asyncio.sleep(self._random.choice((0, 0.001, 0.01, 0.05)))

    async def check(self) -> None:
        """Check that every outcome was true, and that every watch gets the present values.

        Raises:
            AssertionError: One of them is not.
        """
        happened = {(name, value) for name, values in self._history.items() for value in values}
        assert self._written <= happened, f"reported as written, but never happened: {self._written - happened}"
        assert not self._not_written & happened, (
            f"reported as not written, but happened: {self._not_written & happened}"
        )
        for name, values in self._history.items():
            assert len(values) == len(set(values)), f"a write to {name} was repeated"
        for watcher in self._watchers:
            async with asyncio.timeout(30):
                while not watcher.is_up_to_date(self._gateway):
                    watcher.progressed.clear()
                    await watcher.progressed.wait()

    async def end(self) -> None:
        """Close the watches."""
        for watcher in self._watchers:
            watcher.watch.close()
        if self._readers:
            await asyncio.wait(self._readers)

    def _record(self, name: str) -> None:
        self._history[name].append(self._gateway.plant[name].value)

    async def _write(self) -> None:
        name, value = self._random.choice(self._names), next(self._numbers)
        refused = self._random.random() < 0.2
        async with self._impatience():
            try:
                # The plant refuses a string, and an MxValue is not converted.
                await self._tags.write(name, to_mx_value(str(value)) if refused else value, timeout=self._timeout())
            except (MxGatewayError, TimeoutError) as error:
                if "was not written" in str(error):
                    self._not_written.add((name, value))
            else:
                assert not refused
                self._written.add((name, value))

    async def _write_many(self) -> None:
        names = self._random.sample(self._names, 4)
        values = {name: next(self._numbers) for name in names}
        async with self._impatience():
            with contextlib.suppress(MxGatewayError):
                for outcome in await self._tags.write_many(values, timeout=self._timeout()):
                    write = (outcome.tag, values[outcome.tag])
                    if outcome.state is WriteState.CONFIRMED:
                        self._written.add(write)
                    elif outcome.state in {WriteState.NOT_SENT, WriteState.REFUSED}:
                        self._not_written.add(write)

    async def _read(self) -> None:
        names = self._random.sample(self._names, 3)
        async with self._impatience():
            with contextlib.suppress(MxGatewayError):
                readings = await self._tags.read(*names, timeout=self._timeout())
                assert [reading.tag for reading in readings] == names

    async def _watch(self) -> None:
        watcher = _Watcher(watch=self._tags.watch(*self._random.sample(self._names, 3)))
        reader = asyncio.create_task(watcher.read())
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        if self._random.random() < 0.7:
            await asyncio.sleep(self._random.random() / 5)
            watcher.watch.close()
        else:
            self._watchers.append(watcher)

    async def _cause_fault(self) -> None:
        faults, session = self._gateway.faults, self._gateway.sessions[-1] if self._gateway.sessions else None
        choices: list[Callable[[], object]] = [
            faults.drop_connections,
            self._restart,
            partial(faults.refuse_next_calls, 2, grpc.StatusCode.UNAVAILABLE),
            partial(faults.refuse_next_calls, 2, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many commands"),
        ]
        if session is not None:
            choices += [
                partial(faults.kill_worker, session.session_id),
                partial(faults.fault_session, session.session_id),
                partial(faults.age_out_replay, session.session_id),
                partial(self._hold, session.session_id),
                self._slow_down,
                self._freeze,
            ]
        done = self._random.choice(choices)()
        if asyncio.iscoroutine(done):
            await done

    async def _restart(self) -> None:
        # A gateway that is starting cannot be restarted.
        async with self._restart_lock:
            await self._gateway.faults.restart()

    async def _hold(self, session_id: str) -> None:
        with self._gateway.faults.held_commands(session_id):
            await asyncio.sleep(self._random.random() / 2)

    async def _slow_down(self) -> None:
        self._gateway.faults.delay_commands(0.05)
        await asyncio.sleep(self._random.random() / 3)
        self._gateway.faults.delay_commands(0)

    async def _freeze(self) -> None:
        with self._gateway.faults.frozen_network():
            await asyncio.sleep(self._random.random() / 3)

    def _timeout(self) -> float | None:
        return self._random.choice(_TIMEOUTS)

    @contextlib.asynccontextmanager
    async def _impatience(self) -> AsyncGenerator[None]:
        """Sometimes cancel the call in the block after a moment."""
        try:
            async with asyncio.timeout(self._random.choice((None, None, None, 0.0, 0.005, 0.1))):
                yield
        except TimeoutError:
            pass
