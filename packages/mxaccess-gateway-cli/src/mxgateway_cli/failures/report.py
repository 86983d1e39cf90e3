"""Error reporting: every error becomes one line on stderr and an exit status."""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING

import click

from mxgateway_cli.errors import CommandFailure, Failure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.suggestions import suggested_options
from mxgateway_cli.help import Command

if TYPE_CHECKING:
    from mxgateway_cli.output.console import Diagnostics

__all__ = ["describe_error", "report_error"]

_EXTRA_ARGUMENTS = re.compile(r"^(Got unexpected extra arguments?) \(.*\)$")
_KEY_HINT = "other users of the machine can see the command line; name an environment variable with --api-key-env"


def describe_error(error: Exception) -> Failure:
    """Return the exit status, message and facts of an error."""
    if isinstance(error, click.UsageError):
        return Failure(status=ExitStatus.USAGE, type="UsageError", message=_usage_message(error))
    if isinstance(error, click.ClickException):
        return Failure(status=ExitStatus.USAGE, type="UsageError", message=_one_line(error.format_message()))
    if isinstance(error, CommandFailure):
        return Failure(status=error.status, type=type(error).__name__, message=_one_line(str(error)), facts=error.facts)
    # Imported late so that usage errors don't load grpc.
    from mxgateway_cli.failures.gateway import describe_gateway_error  # noqa: PLC0415

    failure = describe_gateway_error(error)
    if failure is not None:
        return failure
    kind = type(error).__name__
    if isinstance(error, OSError):
        return Failure(status=ExitStatus.FAILED, type=kind, message=_one_line(str(error)))
    message = f"unexpected {kind}: {_one_line(str(error))} (run with --debug to see where)"
    return Failure(status=ExitStatus.FAILED, type=kind, message=message)


def report_error(error: Exception, diagnostics: Diagnostics) -> ExitStatus:
    """Print an error to stderr, with `--debug` after its traceback, and return the exit status."""
    failure = describe_error(error)
    if diagnostics.debug:
        diagnostics.detail("".join(_traceback(error)))
        # The message has only the first line of a stack trace of the gateway.
        diagnostics.detail(str(failure.facts.get("details", "")))
    diagnostics.error(failure.message, {"type": failure.type, "exitStatus": int(failure.status), **failure.facts})
    return failure.status


def _traceback(error: Exception) -> list[str]:
    if not isinstance(error, click.ClickException):
        return traceback.format_exception(error)
    # The message of a click error may contain a password; the error line printed afterwards is free of it.
    frames = traceback.format_tb(error.__traceback__)
    return ["Traceback (most recent call last):\n", *frames, type(error).__name__]


def _usage_message(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        name = error.option_name.partition("=")[0]
        if name.startswith("--api-key"):
            return f"unknown option {name}: {_KEY_HINT}"
        message = _unknown_option(error, name)
    elif isinstance(error, click.MissingParameter):
        message = _missing_parameter(error)
    else:
        # An unexpected argument may be a password.
        message = _EXTRA_ARGUMENTS.sub(r"\1", _one_line(error.format_message()))
    if error.ctx is None:
        return message
    return f"{message} (see '{error.ctx.command_path} --help')"


def _missing_parameter(error: click.MissingParameter) -> str:
    parameter, command = error.param, None if error.ctx is None else error.ctx.command
    if parameter is None or not isinstance(command, Command):
        return _one_line(error.format_message())
    if isinstance(parameter, click.Option):
        what = f"option {parameter.opts[0]}"
    else:
        what = f"argument {parameter.metavar or parameter.human_readable_name}"
    variable = f" (or set {parameter.envvar})" if isinstance(parameter.envvar, str) else ""
    return f"missing {what}{variable}, for example: {command.example}"


def _unknown_option(error: click.NoSuchOption, name: str) -> str:
    options = () if error.ctx is None else [flag for each in error.ctx.command.params for flag in each.opts]
    suggestions = suggested_options(name, [each for each in options if each.startswith("--")])
    if suggestions:
        return f"unknown option {name}: did you mean {' or '.join(suggestions)}?"
    if error.ctx is not None and isinstance(error.ctx.command, click.Group):
        return f"unknown option {name}: options follow the command, for example: mxgw-py read TAG {name} ..."
    return f"unknown option {name}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
