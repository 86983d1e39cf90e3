"""The one place that turns what went wrong into one line and an exit status."""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING

import click

from mxgateway_cli.errors import CommandFailure, Failure
from mxgateway_cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from mxgateway_cli.output.console import Diagnostics

__all__ = ["explain", "report"]

_SURPLUS = re.compile(r"^(Got unexpected extra arguments?) \(.*\)$")
_KEY_HINT = "a command line is seen by everybody on the machine: name a variable with --api-key-env"


def explain(error: Exception) -> Failure:
    """Say what an error means to whoever ran the command."""
    if isinstance(error, click.UsageError):
        return Failure(status=ExitStatus.USAGE, type="UsageError", message=_usage_message(error))
    if isinstance(error, click.ClickException):
        return Failure(status=ExitStatus.USAGE, type="UsageError", message=_one_line(error.format_message()))
    if isinstance(error, CommandFailure):
        return Failure(status=error.status, type=type(error).__name__, message=_one_line(str(error)), facts=error.facts)
    # Imported here: a wrong option must not have to wait for grpc.
    from mxgateway_cli.failures.gateway import explain_gateway_error  # noqa: PLC0415

    failure = explain_gateway_error(error)
    if failure is not None:
        return failure
    kind = type(error).__name__
    if isinstance(error, OSError):
        return Failure(status=ExitStatus.FAILED, type=kind, message=_one_line(str(error)))
    message = f"unexpected {kind}: {_one_line(str(error))} (--debug shows where)"
    return Failure(status=ExitStatus.FAILED, type=kind, message=message)


def report(error: Exception, diagnostics: Diagnostics) -> ExitStatus:
    """Say what went wrong on stderr and give the exit status."""
    failure = explain(error)
    if diagnostics.debug:
        diagnostics.detail("".join(_traceback(error)))
    diagnostics.error(failure.message, {"type": failure.type, "exitStatus": int(failure.status), **failure.facts})
    return failure.status


def _traceback(error: Exception) -> list[str]:
    if not isinstance(error, click.ClickException):
        return traceback.format_exception(error)
    # click's own words may hold a password; the line that follows has those that don't.
    place = traceback.format_tb(error.__traceback__)
    return ["Traceback (most recent call last):\n", *place, type(error).__name__]


def _usage_message(error: click.UsageError) -> str:
    # What stands there without being asked for may be a password.
    message = _SURPLUS.sub(r"\1", _one_line(error.format_message()))
    if isinstance(error, click.NoSuchOption) and error.option_name.startswith("--api-key"):
        return f"there is no option {error.option_name.partition('=')[0]}: {_KEY_HINT}"
    if error.ctx is None:
        return message
    return f"{message} (see '{error.ctx.command_path} --help')"


def _one_line(text: str) -> str:
    return " ".join(text.split())
