"""Scripts: what happens to a simulated gateway, and when."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mxgateway.testing.scripts.control import Control
from mxgateway.testing.scripts.errors import ScriptError
from mxgateway.testing.scripts.python_file import read_python_file
from mxgateway.testing.scripts.toml_file import read_toml_script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from mxgateway.testing.gateway import SimulatedGateway
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.scripts.steps import Step

__all__ = ["Script", "StepResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A step of a script that was performed, or failed.

    Attributes:
        at: when it was due, in seconds after the start of the script.
        text: what it does.
        error: why it failed; None if it was performed.
    """

    at: float
    text: str
    error: ScriptError | None = None


class OnStep(Protocol):
    """A function that is called after each step."""

    def __call__(self, result: StepResult, /) -> object: ...


class Script:
    """What happens to a simulated gateway, and when: tags that change, alarms, and faults.

    The README of the simulated gateway describes the files. A script can be used several times.

    Attributes:
        steps: the steps, in the order of their times.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps: tuple[Step, ...] = tuple(sorted(steps, key=lambda step: step.at))

    @classmethod
    def from_file(cls, path: str | Path) -> Script:
        """Read a script: a TOML file with steps, or a Python file with a coroutine function `script(gateway)`.

        A Python file is executed, as if it were imported.

        Raises:
            OSError: the file cannot be read.
            ScriptError: the file is invalid. The message names the file, the line or key, and the problem.
        """
        readers: dict[str, Callable[[Path], tuple[Step, ...]]] = {".toml": read_toml_script, ".py": read_python_file}
        reader = readers.get(Path(path).suffix.lower())
        if reader is None:
            raise ScriptError(f"{path}: the name of a script must end in .toml or .py")
        return cls(reader(Path(path)))

    @property
    def needs_breakable_network(self) -> bool:
        """Whether a step needs `SimulatedGateway(breakable_network=True)`."""
        return any(step.needs_breakable_network for step in self.steps)

    def check(self, plant: Plant) -> None:
        """Check that the plant has the tags and alarms of the script, and that the tags can hold its values.

        A Python file is not checked.

        Raises:
            ScriptError: it does not. The message names the file and the step.
        """
        for step in self.steps:
            step.check(plant)

    async def run(self, gateway: SimulatedGateway) -> None:
        """Perform all steps, at their times on the gateway's clock, which `gateway.clock.advance` moves forward.

        A fault without a duration that no step ends is still active afterwards. Cancelling ends all lasting faults.

        Raises:
            ScriptError: a step failed. The steps after it are not performed, and its lasting faults have ended.
        """
        control = Control(gateway)
        try:
            await self.play(control)
        except BaseException:
            control.close()
            raise

    @asynccontextmanager
    async def running(self, gateway: SimulatedGateway) -> AsyncGenerator[None]:
        """Run the script in the background of an `async with` block.

        The steps at 0 seconds are performed before the block begins; a Python file only starts then. The end of the
        block cancels the steps that are not due yet, and ends all faults of the script that last.

        Raises:
            ScriptError: a step failed. It is raised at the end of the block, or before it for a step at 0 seconds.
        """
        with Control(gateway) as control:
            async with self.played_by(control):
                yield

    @asynccontextmanager
    async def played_by(self, control: Control, on_step: OnStep | None = None) -> AsyncGenerator[None]:
        """Perform the steps through a control in the background of an `async with` block, as `play` does."""
        self.check(control.gateway.plant)
        # The time counts from here, so that the block can advance the clock at once.
        start = control.gateway.clock.monotonic()
        first = [step for step in self.steps if step.at == 0 and not step.waits]
        later = [step for step in self.steps if step not in first]
        await _play(first, control, on_step, start=start)
        playing = _play(later, control, on_step, start=start)
        task = asyncio.create_task(playing, name="script of the simulated gateway")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error

    async def play(self, control: Control, on_step: OnStep | None = None) -> None:
        """Perform all steps through a control, which keeps their lasting faults.

        Args:
            control: the control of the gateway.
            on_step: called after each step, also if it failed; the script then continues. Without it, a failed step
                ends the script.

        Raises:
            ScriptError: the script does not fit the plant, or a step failed and there is no `on_step`.
        """
        self.check(control.gateway.plant)
        await _play(self.steps, control, on_step, start=control.gateway.clock.monotonic())


async def _play(steps: Iterable[Step], control: Control, on_step: OnStep | None, *, start: float) -> None:
    clock = control.gateway.clock
    for step in steps:
        delay = start + step.at - clock.monotonic()
        if delay > 0:
            await clock.sleep(delay)
        error: ScriptError | None = None
        try:
            await step.perform(control)
        except ScriptError as failed:
            if on_step is None:
                raise
            error = failed
        if on_step is not None:
            on_step(StepResult(at=step.at, text=step.text, error=error))
