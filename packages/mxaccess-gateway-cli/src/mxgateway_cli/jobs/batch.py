"""Command lines from stdin, one after the other over one connection, each answered and then marked as done."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from mxgateway.redaction import redact
from mxgateway_cli.app import app
from mxgateway_cli.connecting.client import Connections, Gateway, client_options, library_log
from mxgateway_cli.connecting.gateway_command import CONVERSE
from mxgateway_cli.connecting.runner import interruptible, run_in
from mxgateway_cli.errors import PartialFailure
from mxgateway_cli.failures.report import explain
from mxgateway_cli.help import Command, Option
from mxgateway_cli.output.console import Diagnostics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from typing import Self

    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Output

__all__ = ["END_OF_RESULT", "Batch", "run_batch", "spoken_options"]

END_OF_RESULT: Final = "__MXGW_BATCH_EOR__"

_PROGRAM: Final = "mxgw-py"
# They would wait for another end of stdin, or for a signal.
_NOT_HERE: Final = frozenset({"batch", "simulate"})


class _LineDiagnostics(Diagnostics):
    """What a line says beside its result: its error is a result too, warnings go to stderr."""

    def error(self, message: str, facts: dict[str, Any]) -> None:  # type: ignore[override]  # it is given a dict here
        """Print why the line failed."""
        # Hidden twice, as on stderr: a secret that needs escapes, and one that stands in a fact.
        record = {"error": redact(message), **facts, "type": "error"}
        sys.stdout.write(redact(json.dumps(record)) + "\n")


def run_batch(lines: Iterable[str], shared: Sequence[str], output: Output) -> None:
    """Carry out the lines until they end; `shared` are the options that each of them gets first.

    Raises:
        KeyboardInterrupt: a signal ended it.
    """
    with Batch(shared, output) as batch, interruptible():
        for line in lines:
            batch.answer(line)


class Batch:
    """Carries out command lines over connections that outlive each of them."""

    def __init__(self, shared: Sequence[str], output: Output) -> None:
        self._shared = list(shared)
        self._output = output
        self._runner = asyncio.Runner()
        self._connections = Connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        with self._runner, library_log(self._output.diagnostics):
            self._runner.run(self._connections.close())

    def answer(self, line: str) -> None:
        """Carry out a line: print its result or its error, and the mark."""
        diagnostics = _LineDiagnostics(as_json=self._output.as_json, debug=self._output.diagnostics.debug)
        try:
            self._carry_out(line, diagnostics)
        except PartialFailure as error:
            # The result is printed, and says which of its entries failed.
            diagnostics.warning(str(error))
        except click.exceptions.Exit:
            pass
        except Exception as error:  # noqa: BLE001 - whatever a line does, the next one has its turn
            failure = explain(error)
            diagnostics.error(failure.message, {"exitStatus": int(failure.status), **failure.facts})
        sys.stdout.write(END_OF_RESULT + "\n")
        sys.stdout.flush()

    def _carry_out(self, line: str, diagnostics: Diagnostics) -> None:
        arguments = _split(line)
        if not arguments:
            return
        name, *rest = arguments
        if name in _NOT_HERE:
            raise click.UsageError(f"{name} can't be a line of a batch")
        arguments = [name, *_understood(name, self._shared), *rest]
        with app.make_context(_PROGRAM, arguments, obj=diagnostics) as context:
            context.meta[CONVERSE] = self._converse
            app.invoke(context)

    def _converse(self, target: Target, output: Output, conversation: Callable[[Gateway], Awaitable[None]]) -> None:
        options = client_options(target, output.diagnostics)
        gateway = Gateway(options, self._connections, time_limit=target.time_limit)

        async def work() -> None:
            await conversation(gateway)

        with library_log(output.diagnostics):
            run_in(self._runner, work)


def spoken_options(context: click.Context) -> list[str]:
    """Give the options that stand on a command line, as they stand there; the environment is everybody's anyway."""
    spoken: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if isinstance(parameter, Option) and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            spoken += [parameter.opts[0]] if parameter.is_flag else [f"{parameter.opts[0]}={value}"]
    return spoken


def _understood(name: str, shared: Sequence[str]) -> list[str]:
    """Give the shared options that a command has."""
    command = app.get_command(click.Context(app), name)
    if not isinstance(command, Command):
        return []
    flags = {flag for parameter in command.params for flag in parameter.opts}
    return [each for each in shared if each.partition("=")[0] in flags]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line.lstrip("\ufeff"))
    except ValueError as error:
        problem = str(error).lower()
    raise click.UsageError(f"the line can't be split into arguments: {problem}")
