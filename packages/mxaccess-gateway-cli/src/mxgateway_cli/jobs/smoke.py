"""The smoke test: one short conversation with a gateway, step by step, that leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from mxgateway import (
    ClientOptions,
    DataChange,
    ErrorFacts,
    GatewayClient,
    MxAccessError,
    MxEvent,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxStatusCategory,
    WriteComplete,
)
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.connecting.client import client_options, library_log
from mxgateway_cli.connecting.runner import run
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.output.records import event_record
from mxgateway_cli.results.events import told

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from mxgateway import EventStream, MxValue, Session
    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Output

__all__ = ["Smoke", "smoke_gateway", "smoke_simulated_gateway"]

EventT = TypeVar("EventT", bound=MxEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """What the conversation is about.

    Attributes:
        item: the item's reference.
        client_name: the name to register with.
        value: what to write, or None to write nothing.
        timeout: seconds to wait for a good data change, and for the outcome of the write.
    """

    item: str
    client_name: str
    value: MxValue | None
    timeout: float


@dataclass(slots=True)
class Step:
    """One step while it is taken.

    Attributes:
        facts: what it found out, in protobuf JSON names.
        text: the same for people.
    """

    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    text: str = ""


def smoke_gateway(smoke: Smoke, target: Target, output: Output) -> None:
    """Have the conversation with the target.

    Raises:
        click.UsageError: the target can't work.
        MxGatewayError: a step failed, or MXAccess refused.
        CommandFailure: the item's value was never good.
        KeyboardInterrupt: a signal ended it.
    """
    options = client_options(target, output.diagnostics)
    with library_log(output.diagnostics):
        run(lambda: _visit(smoke, options, Steps(output)))


def smoke_simulated_gateway(smoke: Smoke, output: Output) -> None:
    """Have the conversation with a simulated gateway that lives as long as it. Raises what `smoke_gateway` does."""

    async def work() -> None:
        async with SimulatedGateway() as gateway:
            options = ClientOptions(
                endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=smoke.timeout
            )
            output.diagnostics.hold(options)
            await _visit(smoke, options, Steps(output))

    with library_log(output.diagnostics):
        run(work)


async def _visit(smoke: Smoke, options: ClientOptions, steps: Steps) -> None:
    """Connect, open a session, and close both however the conversation ends."""
    async with AsyncExitStack() as stack:
        with steps.step("connect") as step:
            client = await stack.enter_async_context(GatewayClient.connect(options))
            step.text = options.endpoint
            step.facts["endpoint"] = options.endpoint
        with steps.step("open-session") as step:
            session = await client.open_session(client_session_name=smoke.client_name)
            step.text = session.session_id
            step.facts["sessionId"] = session.session_id
        async with _closed_afterwards(session, steps):
            await _converse(session, smoke, steps)


async def _converse(session: Session, smoke: Smoke, steps: Steps) -> None:
    with steps.step("register") as step:
        server_handle = await session.register(smoke.client_name)
        step.text = f"server handle {server_handle}"
        step.facts["serverHandle"] = server_handle
    with steps.step("add-item") as step:
        item_handle = await session.add_item(server_handle, smoke.item)
        step.text = f"item handle {item_handle} for {smoke.item}"
        step.facts |= {"item": smoke.item, "serverHandle": server_handle, "itemHandle": item_handle}
    handles = {"serverHandle": server_handle, "itemHandle": item_handle}
    # The stream stands before the advise: so no gateway can have dropped the first data change.
    async with session.stream_events() as events:
        with steps.step("advise") as step:
            await session.advise(server_handle, item_handle)
            step.facts |= handles
        with steps.step("data-change") as step:
            await _Wait(session, events, item_handle, smoke, step).for_good_value()
        if smoke.value is not None:
            with steps.step("write") as step:
                await session.write(server_handle, item_handle, smoke.value)
                step.text = "accepted"
                step.facts |= handles
            with steps.step("write-complete") as step:
                await _Wait(session, events, item_handle, smoke, step).for_outcome()
    with steps.step("un-advise") as step:
        await session.un_advise(server_handle, item_handle)
        step.facts |= handles
    with steps.step("remove-item") as step:
        await session.remove_item(server_handle, item_handle)
        step.facts |= handles
    with steps.step("unregister") as step:
        await session.unregister(server_handle)
        step.facts["serverHandle"] = server_handle


@asynccontextmanager
async def _closed_afterwards(session: Session, steps: Steps) -> AsyncGenerator[None]:
    try:
        yield
    except BaseException:
        try:
            await _close(session, steps)
        except MxGatewayError as error:
            # What went wrong first matters more, and is often the reason why closing fails too.
            steps.output.diagnostics.warning(f"closing {session.session_id} failed: {error}")
        raise
    await _close(session, steps)


async def _close(session: Session, steps: Steps) -> None:
    with steps.step("close-session") as step:
        await session.close()
        step.facts["sessionId"] = session.session_id


class Steps:
    """Prints the steps, each with the time that it took."""

    def __init__(self, output: Output) -> None:
        self.output = output

    @contextmanager
    def step(self, name: str) -> Generator[Step]:
        """Take a step: it is printed when it is done, and when it failed."""
        step = Step()
        began = time.perf_counter()
        try:
            with self.output.busy(name):
                yield step
        except (Exception, asyncio.CancelledError):
            self._print(name, step, began, ok=False)
            raise
        self._print(name, step, began, ok=True)

    def _print(self, name: str, step: Step, began: float, *, ok: bool) -> None:
        milliseconds = (time.perf_counter() - began) * 1000
        if self.output.as_json:
            self.output.json({"step": name, "ok": ok, "elapsedMs": round(milliseconds, 3), **step.facts})
        else:
            verdict = "ok" if ok else "FAILED"
            line = f"{verdict:<6}  {name:<14}  {milliseconds:9.1f} ms  {step.text}".rstrip()
            self.output.line(line, "green" if ok else "bold red")


class _Wait:
    """Waits for an event of the smoke test's item, not for ever, and tells the step what came."""

    def __init__(self, session: Session, events: EventStream, item_handle: int, smoke: Smoke, step: Step) -> None:
        self._session = session
        self._events = events
        self._item_handle = item_handle
        self._smoke = smoke
        self._step = step
        self._last: DataChange | None = None
        step.facts["item"] = smoke.item

    async def for_good_value(self) -> None:
        """Wait for the first data change of good quality.

        Raises:
            MxGatewayTimeoutError: no data change came in time.
            MxAccessError: MXAccess says why the item has no good value.
            CommandFailure: the value was never good, and nobody says why.
        """
        try:
            await self._for(DataChange, self._is_good)
        except TimeoutError:
            last = self._last
        else:
            return
        item, seconds = self._smoke.item, self._smoke.timeout
        if last is None:
            raise MxGatewayTimeoutError(f"no data change of {item} came within {seconds:g} s", self._facts())
        message = f"{item} had no good value within {seconds:g} s: the last quality is {last.quality}"
        if any(status.failed for status in last.statuses):
            raise self._refused(last, message)
        raise CommandFailure(message, ExitStatus.FAILED, {"sessionId": self._session.session_id})

    async def for_outcome(self) -> None:
        """Wait for the outcome of the write.

        Raises:
            MxGatewayTimeoutError: none came in time.
            MxAccessError: MXAccess refused the write.
        """
        item, seconds = self._smoke.item, self._smoke.timeout
        try:
            outcome = await self._for(WriteComplete, self._show)
        except TimeoutError:
            outcome = None
        if outcome is None:
            raise MxGatewayTimeoutError(
                f"no outcome of the write to {item} came within {seconds:g} s: it may still happen", self._facts()
            )
        if not outcome.succeeded:
            raise self._refused(outcome, f"MXAccess refused the write to {item}")

    async def _for(self, kind: type[EventT], wanted: Callable[[EventT], bool]) -> EventT:
        async with asyncio.timeout(self._smoke.timeout):
            async for event in self._events:
                if isinstance(event, kind) and event.item_handle == self._item_handle and wanted(event):
                    return event
        raise CommandFailure("the event stream was closed", ExitStatus.FAILED)

    def _show(self, event: MxEvent) -> bool:
        self._step.facts["event"] = event_record(event)
        self._step.text = f"{self._smoke.item}: {told(event)}"
        return True

    def _is_good(self, change: DataChange) -> bool:
        self._last = change
        self._show(change)
        if any(status.category is MxStatusCategory.CONFIGURATION_ERROR for status in change.statuses):
            # No waiting helps: the reference or the Galaxy has to be changed.
            raise self._refused(change, f"{self._smoke.item} has no value, its quality is {change.quality}")
        return change.quality.is_good

    def _refused(self, event: MxEvent, message: str) -> MxAccessError:
        return MxAccessError(message, replace(self._facts(), hresult=event.hresult, statuses=event.statuses))

    def _facts(self) -> ErrorFacts:
        return ErrorFacts(session_id=self._session.session_id)
