"""The smoke test: registers, adds, advises, reads, writes if requested, and cleans up, step by step."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

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
from mxgateway_cli.connecting.client_options import resolve
from mxgateway_cli.connecting.runner import run
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.layouts import Layout, Printer
from mxgateway_cli.output.log import show_log_records
from mxgateway_cli.output.records import event_record
from mxgateway_cli.results.events import event_details

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from mxgateway import EventStream, MxValue, Session
    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["Smoke", "smoke_gateway", "smoke_simulated_gateway"]

_SECURITY_HINT = "smoke advises plainly: try write with --supervisory, or write-secured"

EventT = TypeVar("EventT", bound=MxEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """Settings of the smoke test.

    Attributes:
        item: The item's reference.
        client_name: The name to register with MXAccess.
        value: The value to write, or None to write nothing.
        timeout: Seconds to wait for a good data change, and again for the outcome of the write.
    """

    item: str
    client_name: str
    value: MxValue | None
    timeout: float


@dataclass(slots=True)
class Step:
    """The result of one step, filled in while the step runs.

    Attributes:
        facts: Facts under protobuf JSON names.
        text: The result as text.
    """

    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A finished step.

    Attributes:
        name: The name of the step.
        step: Its result.
        elapsed_ms: How long it took, in milliseconds.
        ok: Whether it succeeded.
    """

    name: str
    step: Step
    elapsed_ms: float
    ok: bool


def smoke_gateway(smoke: Smoke, target: Target, output: Output) -> None:
    """Run the smoke test against the target.

    Raises:
        click.UsageError: The target is incomplete, or its API key cannot be read.
        MxGatewayError: A step failed, or MXAccess refused it.
        CommandFailure: The item had no value of good quality in time.
        KeyboardInterrupt: A signal cancelled the test.
    """
    options = resolve(target, output.diagnostics).options
    # A profile may have another timeout.
    smoke = replace(smoke, timeout=options.timeout)
    with show_log_records(output.diagnostics):
        run(lambda: _run_steps(smoke, options, Steps(output)))


def smoke_simulated_gateway(smoke: Smoke, output: Output) -> None:
    """Run the smoke test against a new simulated gateway. Raises the errors of `smoke_gateway`."""

    async def work() -> None:
        async with SimulatedGateway() as gateway:
            options = ClientOptions(
                endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=smoke.timeout
            )
            output.diagnostics.protect(options)
            await _run_steps(smoke, options, Steps(output))

    with show_log_records(output.diagnostics):
        run(work)


async def _run_steps(smoke: Smoke, options: ClientOptions, steps: Steps) -> None:
    """Connect, open a session and run the steps in it; always close both."""
    async with AsyncExitStack() as stack:
        with steps.step("connect") as step:
            client = await stack.enter_async_context(GatewayClient.connect(options))
            step.text = client.endpoint
            step.facts["endpoint"] = client.endpoint
        with steps.step("open-session") as step:
            session = await client.open_session(client_session_name=smoke.client_name)
            step.text = session.session_id
            step.facts["sessionId"] = session.session_id
        async with _closing(session, steps):
            await _run_session_steps(session, smoke, steps)


async def _run_session_steps(session: Session, smoke: Smoke, steps: Steps) -> None:
    with steps.step("register") as step:
        server_handle = await session.register(smoke.client_name)
        step.text = f"server handle {server_handle}"
        step.facts["serverHandle"] = server_handle
    with steps.step("add-item") as step:
        item_handle = await session.add_item(server_handle, smoke.item)
        step.text = f"item handle {item_handle} for {smoke.item}"
        step.facts |= {"item": smoke.item, "serverHandle": server_handle, "itemHandle": item_handle}
    handles = {"serverHandle": server_handle, "itemHandle": item_handle}
    # The stream is opened before the advise, so that the gateway cannot drop the first data change.
    async with session.stream_events() as events:
        with steps.step("advise") as step:
            await session.advise(server_handle, item_handle)
            step.facts |= handles
        with steps.step("data-change") as step:
            await _EventWaiter(session, events, item_handle, smoke, step).for_good_value()
        if smoke.value is not None:
            with steps.step("write") as step:
                await session.write(server_handle, item_handle, smoke.value)
                step.text = "accepted"
                step.facts |= handles
            with steps.step("write-complete") as step:
                await _EventWaiter(session, events, item_handle, smoke, step).for_outcome()
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
async def _closing(session: Session, steps: Steps) -> AsyncGenerator[None]:
    try:
        yield
    except BaseException:
        try:
            await _close(session, steps)
        except MxGatewayError as error:
            # The first error matters more and is often the reason for this one.
            steps.output.diagnostics.warning(f"cannot close {session.session_id}: {error}")
        raise
    await _close(session, steps)


async def _close(session: Session, steps: Steps) -> None:
    with steps.step("close-session") as step:
        await session.close()
        step.facts["sessionId"] = session.session_id


class Steps:
    """Prints the steps with their durations."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self._printer = Printer(output, _RESULTS)

    @contextmanager
    def step(self, name: str) -> Generator[Step]:
        """Run the block as a step and print its result, also when it fails."""
        step = Step()
        start = time.perf_counter()
        try:
            with self.output.spinner(name):
                yield step
        except (Exception, asyncio.CancelledError):
            self._print(name, step, start, ok=False)
            raise
        self._print(name, step, start, ok=True)

    def _print(self, name: str, step: Step, start: float, *, ok: bool) -> None:
        milliseconds = (time.perf_counter() - start) * 1000
        self._printer.print(StepResult(name=name, step=step, elapsed_ms=milliseconds, ok=ok))


def _line(result: StepResult, _: Zone) -> str:
    verdict = "ok" if result.ok else "FAILED"
    return f"{verdict:<6}  {result.name:<14}  {result.elapsed_ms:9.1f} ms  {result.step.text}".rstrip()


def _record(result: StepResult) -> dict[str, Any]:
    return {"step": result.name, "ok": result.ok, "elapsedMs": round(result.elapsed_ms, 3), **result.step.facts}


_RESULTS: Final[Layout[StepResult]] = Layout(
    columns=tuple(Column(name=name) for name in ("step", "ok", "elapsed ms", "result")),
    cells=lambda result: (result.name, result.ok, round(result.elapsed_ms, 3), result.step.text),
    line=_line,
    values=lambda result: (result.ok,),
    record=_record,
    style=lambda result: "green" if result.ok else "bold red",
)


class _EventWaiter:
    """Waits for an event of the item, up to the timeout of the smoke test, and records it in the step."""

    def __init__(self, session: Session, events: EventStream, item_handle: int, smoke: Smoke, step: Step) -> None:
        self._session = session
        self._events = events
        self._item_handle = item_handle
        self._smoke = smoke
        self._step = step
        self._last_change: DataChange | None = None
        step.facts["item"] = smoke.item

    async def for_good_value(self) -> None:
        """Wait for the first data change of good quality.

        Raises:
            MxGatewayTimeoutError: No data change arrived in time.
            MxAccessError: The value was not good, and its statuses say why.
            CommandFailure: The value was not good, for an unknown reason.
        """
        try:
            await self._wait_for(DataChange, self._is_good)
        except TimeoutError:
            last = self._last_change
        else:
            return
        item, seconds = self._smoke.item, self._smoke.timeout
        if last is None:
            raise MxGatewayTimeoutError(f"no data change of {item} arrived within {seconds:g} s", self._facts())
        message = f"{item} had no value of good quality within {seconds:g} s; the last quality was {last.quality}"
        if any(status.failed for status in last.statuses):
            raise self._refusal(last, message)
        raise CommandFailure(message, ExitStatus.FAILED, {"sessionId": self._session.session_id})

    async def for_outcome(self) -> None:
        """Wait for the outcome of the write.

        Raises:
            MxGatewayTimeoutError: No outcome arrived in time.
            MxAccessError: MXAccess refused the write.
        """
        item, seconds = self._smoke.item, self._smoke.timeout
        try:
            outcome = await self._wait_for(WriteComplete, self._record)
        except TimeoutError:
            outcome = None
        if outcome is None:
            raise MxGatewayTimeoutError(
                f"no outcome of the write to {item} arrived within {seconds:g} s; the value may still be written",
                self._facts(),
            )
        if not outcome.succeeded:
            refusal = self._refusal(outcome, f"MXAccess refused the write to {item}")
            for_security = any(status.category is MxStatusCategory.SECURITY_ERROR for status in outcome.statuses)
            raise refusal.with_hint(_SECURITY_HINT) if for_security else refusal

    async def _wait_for(self, kind: type[EventT], matches: Callable[[EventT], bool]) -> EventT:
        async with asyncio.timeout(self._smoke.timeout):
            async for event in self._events:
                if isinstance(event, kind) and event.item_handle == self._item_handle and matches(event):
                    return event
        raise CommandFailure("the event stream was closed", ExitStatus.FAILED)

    def _record(self, event: MxEvent) -> bool:
        self._step.facts["event"] = event_record(event)
        self._step.text = f"{self._smoke.item}: {event_details(event)}"
        return True

    def _is_good(self, change: DataChange) -> bool:
        self._last_change = change
        self._record(change)
        if any(status.category is MxStatusCategory.CONFIGURATION_ERROR for status in change.statuses):
            # Waiting does not help: the reference or the Galaxy has to be changed.
            raise self._refusal(change, f"{self._smoke.item} has no value; its quality is {change.quality}")
        return change.quality.is_good

    def _refusal(self, event: MxEvent, message: str) -> MxAccessError:
        return MxAccessError(message, replace(self._facts(), hresult=event.hresult, statuses=event.statuses))

    def _facts(self) -> ErrorFacts:
        return ErrorFacts(session_id=self._session.session_id)
