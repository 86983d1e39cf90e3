"""Scripts in Python."""

from __future__ import annotations

import inspect
import runpy
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mxgateway.testing.scripts.errors import ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from mxgateway.testing.gateway import SimulatedGateway
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.scripts.control import Control

__all__ = ["read_python_file"]

_FUNCTION = "script"
_MODULE = "mxgateway_script"


@dataclass(frozen=True, slots=True, kw_only=True)
class _FunctionStep:
    """A step that runs the function of a Python file, which does its own waiting.

    Attributes:
        path: the file.
        function: the function.
    """

    path: Path
    function: Callable[[SimulatedGateway], Coroutine[Any, Any, object]]
    at: float = 0.0
    # The function may use every fault.
    needs_breakable_network: bool = True
    waits: bool = True

    @property
    def text(self) -> str:
        """The file and the function."""
        return f"{_FUNCTION}(gateway) of {self.path}"

    def check(self, plant: Plant) -> None:
        """Do nothing: what the function does is not known before it runs."""

    async def perform(self, control: Control) -> None:
        """Run the function."""
        try:
            await self.function(control.gateway)
        except Exception as error:
            raise ScriptError(_describe(self.path, error)) from error


def read_python_file(path: Path) -> tuple[_FunctionStep, ...]:
    """Execute a Python file, and return a step that runs its function.

    Raises:
        OSError: the file cannot be read.
        ScriptError: the file cannot be executed, or has no coroutine function `script(gateway)`.
    """
    # The errors of a file that cannot be read are those of the caller, unlike the errors of its code.
    with path.open("rb"):
        pass
    try:
        function = runpy.run_path(str(path), run_name=_MODULE).get(_FUNCTION)
    except (Exception, SystemExit) as error:
        raise ScriptError(_describe(path, error)) from error
    if not inspect.iscoroutinefunction(function):
        raise ScriptError(f"{path}: it must define `async def {_FUNCTION}(gateway)`")
    return (_FunctionStep(path=path, function=function),)


def _describe(path: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}: line {error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    place = f"line {lines[-1]}: " if lines else ""
    return f"{path}: {place}{type(error).__name__}: {error}"
