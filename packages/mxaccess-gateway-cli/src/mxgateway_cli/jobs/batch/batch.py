"""The batch: runs command lines from stdin over one connection and marks the end of each result."""

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
from mxgateway_cli.connecting.client import Connections, Gateway
from mxgateway_cli.connecting.client_options import resolve
from mxgateway_cli.connecting.gateway_command import RUNNER_KEY
from mxgateway_cli.connecting.runner import interruptible, run_in
from mxgateway_cli.errors import PartialFailure
from mxgateway_cli.failures.report import describe_error
from mxgateway_cli.help import Command, Option
from mxgateway_cli.input.text_source import STDIN_READER_KEY
from mxgateway_cli.output.console import Diagnostics
from mxgateway_cli.output.log import show_log_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from typing import Self

    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Output

__all__ = ["END_OF_RESULT", "Batch", "explicit_options", "run_batch"]

END_OF_RESULT: Final = "__MXGW_BATCH_EOR__"
"""The line after each result."""

_PROGRAM: Final = "mxgw-py"
# A batch would read the same stdin, and a simulation would run until a signal.
_UNSUPPORTED_COMMANDS: Final = frozenset({"batch", "simulate"})


class _LineDiagnostics(Diagnostics):
    """Diagnostics of one line: its error is printed on stdout as its result, warnings go to stderr."""

    def error(self, message: str, facts: Mapping[str, Any]) -> None:
        """Print why the line failed."""
        # Redacted twice, as on stderr: before JSON escapes hide a secret, and afterwards for secrets in the facts.
        record = {"error": redact(message), **facts, "type": "error"}
        sys.stdout.write(redact(json.dumps(record)) + "\n")


def run_batch(lines: Iterable[str], shared: Sequence[str], output: Output) -> None:
    """Run command lines until the input ends, and print END_OF_RESULT after the result of each, also if it is empty.

    Args:
        lines: The command lines.
        shared: Options of the batch, which apply to every line that doesn't override them.
        output: Where results are printed.

    Raises:
        KeyboardInterrupt: A signal ended the batch.
    """
    with Batch(shared, output) as batch, interruptible():
        for line in lines:
            _run_line(batch, line, output)


def _run_line(batch: Batch, line: str, output: Output) -> None:
    diagnostics = _LineDiagnostics(as_json=output.as_json, debug=output.diagnostics.debug)
    try:
        batch.run(line, diagnostics)
    except PartialFailure as error:
        # The result is already printed and says which entries failed.
        diagnostics.warning(str(error))
    except click.exceptions.Exit:
        pass
    except Exception as error:  # noqa: BLE001 - no error of a line may end the batch
        failure = describe_error(error)
        diagnostics.error(failure.message, {"exitStatus": int(failure.status), **failure.facts})
    sys.stdout.write(END_OF_RESULT + "\n")
    sys.stdout.flush()


class Batch:
    """Runs command lines over connections that stay open from line to line."""

    def __init__(self, shared: Sequence[str], output: Output) -> None:
        self._shared = list(shared)
        self._output = output
        self._runner = asyncio.Runner()
        self._connections = Connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        with self._runner, show_log_records(self._output.diagnostics):
            self._runner.run(self._connections.close())

    def run(self, line: str, diagnostics: Diagnostics) -> None:
        """Run a command line and print its result. A blank line and a comment, which starts with `#`, do nothing.

        Raises:
            click.exceptions.Exit: The line requested help.
            Exception: The command failed, in any of the ways in which a command can fail.
        """
        line = line.lstrip("\ufeff")
        if line.lstrip().startswith("#"):
            return
        arguments = _split(line)
        if not arguments:
            return
        name, *rest = arguments
        if name in _UNSUPPORTED_COMMANDS:
            raise click.UsageError(f"{name} cannot be used in a batch")
        arguments = [name, *_supported(name, self._shared), *rest]
        with app.make_context(_PROGRAM, arguments, obj=diagnostics) as context:
            context.meta[RUNNER_KEY] = self._run_with_gateway
            context.meta[STDIN_READER_KEY] = "batch"
            app.invoke(context)

    def _run_with_gateway(self, target: Target, output: Output, function: Callable[[Gateway], Awaitable[None]]) -> None:
        gateway = Gateway(resolve(target, output.diagnostics), self._connections)

        async def work() -> None:
            await function(gateway)

        with show_log_records(output.diagnostics):
            run_in(self._runner, work)


def explicit_options(context: click.Context) -> list[str]:
    """Return the options given on the command line, ready to be put on another one.

    Options of the environment are left out: they apply to every line anyway.
    """
    explicit: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if isinstance(parameter, Option) and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            explicit += [parameter.opts[0]] if parameter.is_flag else [f"{parameter.opts[0]}={value}"]
    return explicit


def _supported(name: str, shared: Sequence[str]) -> list[str]:
    """Return the shared options that a command supports."""
    command = app.get_command(click.Context(app), name)
    if not isinstance(command, Command):
        return []
    flags = {flag for parameter in command.params for flag in parameter.opts}
    return [each for each in shared if each.partition("=")[0] in flags]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        problem = str(error).lower()
    raise click.UsageError(f"cannot split the line into arguments: {problem}")
