"""The command line as a whole: its commands by section, each loaded when it is used."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.report import report
from mxgateway_cli.output.console import Diagnostics, drop_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["COMMANDS", "app", "run"]

# Section of the help -> command -> the room in mxgateway_cli.commands that holds it, and what it does in a few words.
COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Begin here": {
        "version": ("version", "Print the versions of everything that matters."),
        "smoke": ("smoke", "Talk to a gateway once, step by step, and clean up."),
        "doctor": ("doctor", "Check everything between here and a working session."),
        "simulate": ("simulate", "Run a simulated gateway until it is told to stop."),
    },
    "Tags by name": {
        "read": ("tags", "Read tags."),
        "watch": ("tags", "Watch tags, across lost connections."),
        "write": ("writes", "Write a tag and wait for the outcome; or an item by its handles."),
    },
    "Sessions": {
        "open-session": ("sessions", "Open a session, leave it open, print its id."),
        "close-session": ("sessions", "Close a session."),
        "session-state": ("sessions", "Print the state of a session."),
        "ping": ("sessions", "Ask a session's worker for a sign of life."),
        "worker-info": ("sessions", "Print facts on a session's worker process."),
        "shutdown-worker": ("sessions", "End a session's worker process."),
    },
    "Servers and items": {
        "register": ("items", "Register a client with MXAccess, print its server handle."),
        "unregister": ("items", "End a registration."),
        "add-item": ("items", "Add an item, print its item handle."),
        "add-buffered-item": ("items", "Add an item whose changes come in lists."),
        "set-buffered-update-interval": ("items", "Set how often buffered items raise events."),
        "remove-item": ("items", "Remove an item."),
        "advise": ("items", "Ask for the data changes of an item."),
        "advise-supervisory": ("items", "Ask for them as a supervisory client."),
        "un-advise": ("items", "End the data changes of an item."),
        "suspend": ("items", "Pause the data changes of an item."),
        "activate": ("items", "Let them go on."),
    },
    "Events": {
        "stream-events": ("events", "Print the events of a session as they come."),
        "drain-events": ("events", "Take the events that wait in a session."),
    },
    "Writes and users": {
        "write-secured": ("writes", "Write on behalf of one user, or of two."),
        "authenticate-user": ("writes", "Check a user's password, print the user's id."),
        "archestra-user-to-id": ("writes", "Print the id of an ArchestrA user."),
    },
    "Many items at once": {
        "subscribe-bulk": ("bulk", "Add and advise items."),
        "unsubscribe-bulk": ("bulk", "End the advises of items, and remove them."),
        "add-item-bulk": ("bulk", "Add items."),
        "advise-item-bulk": ("bulk", "Ask for the data changes of items."),
        "un-advise-item-bulk": ("bulk", "End the data changes of items."),
        "remove-item-bulk": ("bulk", "Remove items."),
        "read-bulk": ("bulk", "Read tags."),
        "write-bulk": ("bulk_writes", "Write values to advised items."),
        "write2-bulk": ("bulk_writes", "Write values with their time."),
        "write-secured-bulk": ("bulk_writes", "Write on behalf of one user, or of two."),
        "write-secured2-bulk": ("bulk_writes", "Write so, with the values' time."),
    },
    "Alarms": {
        "stream-alarms": ("alarms", "Print the gateway's alarms as they happen."),
        "query-active-alarms": ("alarms", "Print the alarms that are active now."),
        "acknowledge-alarm": ("alarms", "Acknowledge an alarm."),
        "subscribe-alarms": ("alarms", "Bring alarms into the events of a session."),
        "unsubscribe-alarms": ("alarms", "End that."),
        "session-active-alarms": ("alarms", "Print the alarms that a session's worker knows as active."),
        "acknowledge-alarm-by-guid": ("alarms", "Acknowledge an alarm by way of a session."),
        "acknowledge-alarm-by-name": ("alarms", "Acknowledge an alarm so, by its name."),
    },
    "Galaxy": {
        "browse": ("galaxy", "Print the object tree, level by level."),
        "galaxy-discover": ("galaxy", "Print all objects under one, or of the whole Galaxy."),
        "galaxy-last-deploy": ("galaxy", "Print when the Galaxy was last deployed."),
        "galaxy-test-connection": ("galaxy", "Ask whether the Galaxy's database answers the gateway."),
        "galaxy-watch": ("galaxy", "Print the deploys of the Galaxy as they happen."),
    },
    "Scripts and figures": {
        "batch": ("batch", "Carry out command lines from stdin over one connection."),
        "bench-read-bulk": ("bench", "Measure bulk reads."),
        "bench-events": ("bench", "Measure events."),
    },
}

_EPILOG = (
    "Every option also comes from the environment: --session-id from MXGATEWAY_SESSION_ID, --endpoint from "
    "MXGATEWAY_ENDPOINT. The API key comes from MXGATEWAY_API_KEY or from a file, never from an option."
)
_PROGRAM = "mxgw-py"
_COMPLETION_VARIABLE = "_MXGW_PY_COMPLETE"
_TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "on"})


class _App(click.Group):
    """The group of all commands. It knows their names and loads the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Give the commands in the order of the help."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command."""
        for commands in COMMANDS.values():
            if cmd_name in commands:
                room, _ = commands[cmd_name]
                module = importlib.import_module(f"mxgateway_cli.commands.{room}")
                command: click.Command = getattr(module, cmd_name.replace("-", "_"))
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands by section."""
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(name, summary) for name, (_, summary) in commands.items()])


@click.group(
    _PROGRAM,
    cls=_App,
    epilog=_EPILOG,
    invoke_without_command=True,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.pass_context
def app(context: click.Context) -> None:
    """Talk to an MXAccess Gateway from the command line."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> ExitStatus:
    """Run a command line and give its exit status; whatever goes wrong is said in one line on stderr."""
    diagnostics = Diagnostics(as_json=_wants("--json", arguments), debug=_wants("--debug", arguments))
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_encode(stream)
    try:
        return _run(arguments, diagnostics)
    except (KeyboardInterrupt, EOFError, click.Abort):
        return ExitStatus.INTERRUPTED
    except OSError as error:
        if not _nobody_reads(error):
            return report(error, diagnostics)
        drop_output()
        return ExitStatus.GOOD
    except Exception as error:  # noqa: BLE001 - this is the place where every error ends
        return report(error, diagnostics)


def _run(arguments: Sequence[str], diagnostics: Diagnostics) -> ExitStatus:
    if not diagnostics.debug:
        # grpc's own log lines on stderr are not what an error line is.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if os.environ.pop("GRPC_TRACE", ""):
        diagnostics.warning("GRPC_TRACE doesn't count here: what gRPC's core traces shows the API key")
    instruction = os.environ.get(_COMPLETION_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete  # noqa: PLC0415 - a shell asks, nobody else

        return ExitStatus(shell_complete(app, {}, _PROGRAM, _COMPLETION_VARIABLE, instruction))
    try:
        with app.make_context(_PROGRAM, list(arguments), obj=diagnostics) as context:
            app.invoke(context)
    except click.exceptions.Exit as ended:
        return ExitStatus(ended.exit_code)
    return ExitStatus.GOOD


def _wants(flag: str, arguments: Sequence[str]) -> bool:
    """Whether a flag is set, asked before the command line is understood: its errors look like that too."""
    variable = f"MXGATEWAY_{flag.removeprefix('--').upper()}"
    return flag in arguments or os.environ.get(variable, "").strip().lower() in _TRUE_WORDS


def _nobody_reads(error: OSError) -> bool:
    """Whether whoever reads our output has gone away, as `head` does when it has enough."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def _never_fail_to_encode(stream: object) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
