"""The batch on a terminal: a prompt for command lines, whose errors are printed as usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mxgateway_cli._version import VERSION
from mxgateway_cli.connecting.runner import Terminated, interruptible
from mxgateway_cli.failures.report import report_error
from mxgateway_cli.input.line_editing import completed_by_tab
from mxgateway_cli.jobs.batch.batch import Batch
from mxgateway_cli.jobs.batch.words import possible_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway_cli.output.console import Output

__all__ = ["run_prompt"]

_PROMPT: Final = "mxgw> "
_ENDS: Final = frozenset({"exit", "quit"})


def run_prompt(shared: Sequence[str], output: Output) -> None:
    """Run the command lines that the user types, until `exit` or the end of the input.

    Ctrl-C stops the command that is running, or discards the line that is being typed.

    Args:
        shared: Options of the batch, which apply to every line that doesn't override them.
        output: Where results are printed.

    Raises:
        KeyboardInterrupt: A signal other than Ctrl-C ended the batch.
    """
    output.diagnostics.note(f"mxgw-py {VERSION}: help lists the commands, exit or Ctrl-D ends the batch")
    with Batch(shared, output) as batch, interruptible(), completed_by_tab(possible_words):
        while True:
            try:
                line = input(_PROMPT)
                if line.strip().lower() in _ENDS:
                    return
                batch.run(line, output.diagnostics)
            except EOFError:
                click.echo()
                return
            except Terminated:
                raise
            except (KeyboardInterrupt, click.Abort):
                click.echo()
            except click.exceptions.Exit:
                pass
            except Exception as error:  # noqa: BLE001 - no error of a line may end the batch
                report_error(error, output.diagnostics)
